#include "tests/tiny_sqs/attributes_md5.h"

#include "lib/digest/base64.h"
#include "lib/digest/md5.h"

namespace sluice::tiny_sqs {

namespace {

// Its length before it: four bytes, the highest first.
std::string counted(const std::string& text) {
  std::string all;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    all += static_cast<char>((text.size() >> shift) & 0xffU);
  }
  return all + text;
}

}  // namespace

// An object's members are in the order of their names.
std::string md5_of_attributes(const nlohmann::json& attributes) {
  std::string all;
  for (const auto& [name, value] : attributes.items()) {
    const auto type = value.at("DataType").get<std::string>();
    const bool binary = type.starts_with("Binary");
    const std::string text = value.value(binary ? "BinaryValue" : "StringValue", "");
    all += counted(name) + counted(type) + (binary ? '\2' : '\1');
    all += counted(binary ? from_base64(text).value_or("") : text);
  }
  return all.empty() ? "" : md5().hex(all);
}

}  // namespace sluice::tiny_sqs
