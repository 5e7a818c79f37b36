// XML answers of AWS (protocols query, ec2 and rest-xml) as the JSON that its other protocols have,
// so that whoever reads an answer need not know how it came. By expat; pure.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace sluice::aws {

// What is inside the root element, as JSON text:
//   text alone                          a string, as it stands
//   nothing                             null
//   only <member>s, or only <item>s     an array
//   only <entry>s of <key> and <value>  an object
//   else                                an object; what has one name twice is an array
// Attributes and namespaces are passed over. kInvalid, with the line, for what is not well-formed,
// has a document type, or is nested deeper than 64.
Result<std::string> xml_to_json(std::string_view xml);

}  // namespace sluice::aws
