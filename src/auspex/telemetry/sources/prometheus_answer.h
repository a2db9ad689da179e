#pragma once

#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/base/http_client.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// What a server that speaks Prometheus' HTTP API answered: its series, without points that are not
// finite or older than `oldest`, and without series that have none left. Pure; the bytes come from
// outside. `server` names it in messages. Errors: kNoData (nothing is left); kInvalidArgument (the
// server calls the query wrong); kUnavailable (429, 5xx, an error of its own, or something else
// than this API). No message repeats more than 500 bytes of the answer.
Result<std::vector<Series>> ParsePrometheusAnswer(std::string_view server,
                                                  const HttpResponse& response, WallTime oldest);

}  // namespace auspex::telemetry
