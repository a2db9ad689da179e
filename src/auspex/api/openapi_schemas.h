#pragma once

#include <string_view>

namespace auspex::api {

// `components.schemas` of the OpenAPI document: a JSON object of JSON Schemas by name.
extern const std::string_view kSchemas;

}  // namespace auspex::api
