#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "auspex/base/result.h"
#include "auspex/traffic/router.h"

// What every adapter does with the keys of a `traffic` section. Pure.
namespace auspex::traffic {

// Refuses a key that neither all services have (router, backend, servers) nor `own` names.
// Error: kInvalidArgument, beginning with the key, with the keys there are.
Status CheckKeys(const RouterConfig& config, std::initializer_list<std::string_view> own);

// Two different, plain names of servers: a proxy reads them in one line of text, so nothing that
// could end or chain a command passes. Error: kInvalidArgument.
Status CheckRoute(const Route& route);

}  // namespace auspex::traffic
