#include "auspex/traffic/route_view.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace auspex::traffic {
namespace {

Failure NobodyAnswers(const std::vector<ProxyView>& proxies) {
  if (proxies.size() == 1) return Failure{*proxies.front().error};
  ErrorCode code = proxies.front().error->code;
  std::vector<std::string> texts;
  for (const ProxyView& proxy : proxies) {
    if (proxy.error->code != code) code = ErrorCode::kUnavailable;
    texts.push_back(proxy.error->message);
  }
  return Fail(code, "none of the {} proxies answers: {}", proxies.size(), fmt::join(texts, "; "));
}

void Add(const ServerView& one, ServerView* sum) {
  sum->up = sum->up || one.up;
  sum->maintenance = sum->maintenance || one.maintenance;
  sum->in_flight += one.in_flight;
  sum->requests_total += one.requests_total;
  sum->queued += one.queued;
  sum->most_in_flight += one.most_in_flight;
}

// Where one proxy sets no limit there is none on the sum.
bool AnyUnlimited(const std::vector<ProxyView>& proxies, ServerView ProxyView::*server) {
  return std::any_of(proxies.begin(), proxies.end(), [server](const ProxyView& proxy) {
    return !proxy.error && (proxy.*server).most_in_flight == 0;
  });
}

bool Serves(const ProxyView& proxy) {
  return proxy.canary.share > Weight::Zero() || proxy.baseline.share > Weight::Zero();
}

}  // namespace

Result<RouteView> Combine(std::vector<ProxyView> proxies) {
  assert(!proxies.empty() && "a router has at least one proxy");
  const ProxyView* largest = nullptr;
  RouteView view;
  view.canary.up = view.baseline.up = false;
  for (const ProxyView& proxy : proxies) {
    if (proxy.error) continue;
    Add(proxy.canary, &view.canary);
    Add(proxy.baseline, &view.baseline);
    if (largest == nullptr || proxy.canary.share > largest->canary.share) largest = &proxy;
  }
  if (largest == nullptr) return NobodyAnswers(proxies);
  if (AnyUnlimited(proxies, &ProxyView::canary)) view.canary.most_in_flight = 0;
  if (AnyUnlimited(proxies, &ProxyView::baseline)) view.baseline.most_in_flight = 0;
  view.weight = view.canary.share = largest->canary.share;
  view.baseline.share = largest->baseline.share;
  view.proxies = std::move(proxies);
  return view;
}

std::string WhoDisobeys(const RouteView& view, Weight wanted) {
  std::vector<std::string> texts;
  for (const ProxyView& proxy : view.proxies) {
    if (proxy.error) {
      texts.push_back(proxy.error->message);
    } else if (!Serves(proxy)) {
      texts.push_back(fmt::format("the proxy at {} gives both servers the weight 0", proxy.name));
    } else if (proxy.canary.share != wanted) {
      texts.push_back(fmt::format("the proxy at {} has the weight {} instead of {}", proxy.name,
                                  proxy.canary.share.ToPercent(), wanted.ToPercent()));
    }
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

std::string WhoDraws(const RouteView& view, Draw draw) {
  std::vector<std::string_view> notes;
  for (const ProxyView& proxy : view.proxies) {
    if (!proxy.error && proxy.draw == draw && !proxy.draw_note.empty())
      notes.push_back(proxy.draw_note);
  }
  return fmt::format("{}", fmt::join(notes, "; "));
}

}  // namespace auspex::traffic
