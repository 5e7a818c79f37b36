// GET /openapi.json: OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), written from the routes
// that requests are routed by. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice::ingest {

const std::string& openapi_document();

// The members of components.schemas, as JSON.
std::string_view openapi_schemas();
// Of a parameter of the query or of a header, by its name.
std::string_view openapi_parameter(std::string_view name);

}  // namespace sluice::ingest
