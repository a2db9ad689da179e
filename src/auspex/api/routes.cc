#include "auspex/api/routes.h"

#include <algorithm>
#include <cassert>
#include <set>

#include "auspex/api/problem.h"
#include "auspex/api/wire.h"

namespace auspex::api {
namespace {

// "/a/b" is {"a", "b"}, "/" is {}, "/a/" is {"a", ""}.
std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  if (path.empty()) return segments;
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

Result<std::vector<std::string>> Decode(std::string_view path) {
  std::vector<std::string> segments;
  for (const std::string_view raw : Split(path)) {
    AUSPEX_TRY(std::string segment, PercentDecode(raw, Plus::kPlus));
    const bool control = std::any_of(segment.begin(), segment.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (control) {
      return Fail(ErrorCode::kInvalidArgument, "'{}' holds a control character", raw);
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

// No path out of the folder that a handler of files serves.
Status CheckRest(const std::vector<std::string>& path, std::size_t from) {
  for (std::size_t i = from; i < path.size(); ++i) {
    if (path[i] == "." || path[i] == ".." || path[i].find('/') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument, "'{}' cannot stand in this path", path[i]);
    }
  }
  return {};
}

std::optional<HttpReply> RefuseRole(const HttpCall& call, Role least) {
  if (call.caller.role >= least) return std::nullopt;
  if (call.caller.role == Role::kNobody) {
    return AskForToken(fmt::format(
        "{} needs a token with the role {}: send `Authorization: Bearer TOKEN` (AUSPEX_TOKEN for "
        "the command line)",
        call.path, Name(least)));
  }
  return Problem(403, fmt::format("{} needs the role {}, and '{}' is {}", call.path, Name(least),
                                  call.caller.name, Name(call.caller.role)));
}

// A proof that is wrong is refused also where nobody is asked for a token. Whoever has one is
// judged by it.
std::optional<HttpReply> RefuseCaller(const HttpCall& call, const Route& route) {
  std::optional<HttpReply> refusal = RefuseRole(call, route.role);
  if (!route.vouch || !call.caller.name.empty()) return refusal;
  const Status vouched = route.vouch(call);
  if (vouched.ok()) return std::nullopt;
  const ErrorCode code = vouched.error().code;
  if (code == ErrorCode::kPermissionDenied || (refusal && code == ErrorCode::kNoData))
    return AskForToken(vouched.error().message);
  return refusal;
}

}  // namespace

void Routes::Add(Route route) {
  assert(route.pattern.starts_with('/'));
  Entry entry;
  for (const std::string_view text : Split(route.pattern)) {
    assert(!entry.has_rest);  // {name*} is the last segment
    if (!text.starts_with('{') || !text.ends_with('}')) {
      entry.segments.push_back({Segment::Kind::kLiteral, std::string(text)});
      continue;
    }
    entry.has_rest = text.ends_with("*}");
    const std::string_view name = text.substr(1, text.size() - (entry.has_rest ? 3 : 2));
    const auto kind = entry.has_rest ? Segment::Kind::kRest : Segment::Kind::kParameter;
    entry.segments.push_back({kind, std::string(name)});
    ++entry.parameters;
  }
  entry.route = std::move(route);
  routes_.push_back(std::move(entry));
}

std::vector<Route> Routes::All() const {
  std::vector<Route> all;
  all.reserve(routes_.size());
  for (const Entry& entry : routes_) all.push_back(entry.route);
  return all;
}

bool Routes::Fits(const Entry& route, const std::vector<std::string>& path) {
  const std::size_t fixed = route.segments.size() - (route.has_rest ? 1 : 0);
  if (route.has_rest ? path.size() < fixed : path.size() != fixed) return false;
  for (std::size_t i = 0; i < fixed; ++i) {
    const Segment& segment = route.segments[i];
    const bool fits =
        segment.kind == Segment::Kind::kLiteral ? segment.text == path[i] : !path[i].empty();
    if (!fits) return false;
  }
  return true;
}

Parameters Routes::Bind(const Entry& route, const std::vector<std::string>& path) {
  Parameters parameters;
  for (std::size_t i = 0; i < route.segments.size(); ++i) {
    const Segment& segment = route.segments[i];
    if (segment.kind == Segment::Kind::kParameter) parameters.emplace(segment.text, path[i]);
    if (segment.kind != Segment::Kind::kRest) continue;
    std::string& rest = parameters[segment.text];
    for (std::size_t j = i; j < path.size(); ++j) rest += (j == i ? "" : "/") + path[j];
  }
  return parameters;
}

std::vector<const Routes::Entry*> Routes::Candidates(const std::vector<std::string>& path) const {
  std::vector<const Entry*> fitting;
  for (const Entry& route : routes_) {
    if (Fits(route, path)) fitting.push_back(&route);
  }
  const bool all_rest = std::all_of(fitting.begin(), fitting.end(),
                                    [](const Entry* route) { return route->has_rest; });
  if (!all_rest) std::erase_if(fitting, [](const Entry* route) { return route->has_rest; });
  std::stable_sort(fitting.begin(), fitting.end(), [](const Entry* a, const Entry* b) {
    // Of two with a rest, the longer is the narrower.
    if (a->has_rest) return a->segments.size() > b->segments.size();
    return a->parameters < b->parameters;
  });
  return fitting;
}

const Routes::Entry* Routes::Pick(const std::vector<const Entry*>& candidates,
                                  std::string_view method) {
  for (const Entry* route : candidates) {
    if (route->route.method == method) return route;
  }
  return method == "HEAD" ? Pick(candidates, "GET") : nullptr;
}

HttpReply Routes::RefuseMethod(const HttpCall& call, const std::vector<const Entry*>& candidates) {
  std::set<std::string> allowed;
  for (const Entry* route : candidates) {
    allowed.insert(route->route.method);
    if (route->route.method == "GET") allowed.insert("HEAD");
  }
  const std::string list = fmt::format("{}", fmt::join(allowed, ", "));
  HttpReply refusal =
      Problem(405, fmt::format("{} does not take {}; it takes {}", call.path, call.method, list));
  refusal.headers.emplace_back("Allow", list);
  return refusal;
}

HttpReply Routes::Answer(const HttpCall& call) const {
  const auto path = Decode(call.path);
  if (!path.ok()) return Problem(400, path.error().message);
  const auto candidates = Candidates(*path);
  if (candidates.empty()) return Problem(404, fmt::format("there is nothing at {}", call.path));
  const Entry* route = Pick(candidates, call.method);
  if (route == nullptr) return RefuseMethod(call, candidates);
  if (auto refusal = RefuseCaller(call, route->route)) return *std::move(refusal);
  if (route->has_rest) {
    const Status clean = CheckRest(*path, route->segments.size() - 1);
    if (!clean.ok()) return Problem(400, clean.error().message);
  }
  HttpCall bound = call;
  bound.parameters = Bind(*route, *path);
  return route->route.handler(bound);
}

Handler Routes::ToHandler() const {
  return [table = *this](const HttpCall& call) { return table.Answer(call); };
}

}  // namespace auspex::api
