#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auspex/api/http.h"
#include "auspex/base/result.h"

namespace auspex::api {

// Which handler answers which path. Fill it, then use it: Add() is not thread-safe, the rest is.
//
// A pattern is literal segments and parameters: "/api/v1/deployments/{id}/pause". A parameter takes
// one segment that is not empty. `{name*}` at the end takes all that is left, also nothing: for
// files. Where several patterns fit a path, the one with the fewest parameters that has the method
// answers; one with `{name*}` only where no other pattern fits the path. HEAD goes to the handler
// of GET (the server leaves the body out). A trailing '/' counts.
class Routes {
 public:
  // `pattern` starts with '/', has each parameter name once, and no pattern like it has `method`
  // yet.
  void Add(std::string_view method, std::string_view pattern, Handler handler);

  // The handler's answer, or a problem: 404; 405 with Allow; 400 for a segment that does not
  // decode, or holds a control character, or (under `{name*}`) a '/' or is "." or "..".
  [[nodiscard]] HttpReply Answer(const HttpCall& call) const;

  // A handler with a copy of this table.
  [[nodiscard]] Handler ToHandler() const;

 private:
  struct Segment {
    enum class Kind { kLiteral, kParameter, kRest } kind;
    std::string text;  // the literal, or the parameter's name
  };
  struct Route {
    std::string method;
    std::vector<Segment> segments;
    std::size_t parameters;  // how many
    bool has_rest;
    Handler handler;
  };

  static bool Fits(const Route& route, const std::vector<std::string>& path);
  static Parameters Bind(const Route& route, const std::vector<std::string>& path);
  // The best first.
  [[nodiscard]] std::vector<const Route*> Candidates(const std::vector<std::string>& path) const;
  static const Route* Pick(const std::vector<const Route*>& candidates, std::string_view method);
  static HttpReply RefuseMethod(const HttpCall& call, const std::vector<const Route*>& candidates);

  std::vector<Route> routes_;
};

}  // namespace auspex::api
