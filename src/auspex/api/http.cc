#include "auspex/api/http.h"

#include <algorithm>
#include <cassert>

namespace auspex::api {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool CaseInsensitiveLess::operator()(std::string_view a, std::string_view b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return Lower(x) < Lower(y); });
}

std::optional<std::string_view> HttpCall::Header(std::string_view name) const {
  // lower_bound, since find may give any of several.
  const auto found = headers.lower_bound(name);
  if (found == headers.end() || CaseInsensitiveLess()(name, found->first)) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> HttpCall::QueryValue(std::string_view name) const {
  const auto found = query.lower_bound(name);
  if (found == query.end() || found->first != name) return std::nullopt;
  return found->second;
}

const std::string& HttpCall::Parameter(std::string_view name) const {
  static const std::string kNone;
  const auto found = parameters.find(name);
  assert(found != parameters.end());  // the handler and its pattern were written together
  return found == parameters.end() ? kNone : found->second;
}

}  // namespace auspex::api
