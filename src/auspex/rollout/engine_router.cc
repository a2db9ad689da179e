#include "auspex/rollout/engine_impl.h"

// The engine and the router: weights are set and confirmed, a bad canary is evicted, and what the
// router has confirmed ends a deployment.
namespace auspex::rollout {
namespace {

constexpr Duration kEvictPatience = 15s;  // requests that the canary has may still end
constexpr int kMostEvictions = 10;

// A slot that is set aside, by the rollback of its last canary or by a person, serves again once it
// is given traffic. Where one proxy cannot do it the others are given the weight all the same.
Result<Weight> AdmitAndApply(traffic::Router* router, const traffic::Route& route, Weight weight,
                             MonotonicTime deadline) {
  const Status admitted = router->Admit(route, deadline);
  Result<Weight> given = router->Apply(route, weight, deadline);
  if (!admitted.ok()) return Failure{admitted.error()};
  return given;
}

}  // namespace

void EngineImpl::ApplyWeight(Live* live, Weight weight) {
  live->wanted = weight;
  if (live->applying) return;  // OnApplied asks again for what is wanted by then
  const bool admit = !live->admitted && (live->admit || weight > Weight::Zero());
  live->applying = appliers_->Submit(
      [this, id = live->announced.id, router = live->router, route = live->route, weight, admit] {
        const MonotonicTime deadline = deps_.clock->Now() + kRouterPatience;
        const Result<Weight> given = admit ? AdmitAndApply(router.get(), route, weight, deadline)
                                           : router->Apply(route, weight, deadline);
        Post([this, id, weight, admit, given] {
          OnApplied(id, {.weight = weight, .admit = admit}, given);
        });
      });
  if (!live->applying) live->retry_at = deps_.clock->Now() + kRetryAfter;
}

void EngineImpl::OnApplied(const std::string& id, const Asked& what, const Result<Weight>& given) {
  Live* live = Find(id);
  if (live == nullptr) return;
  const Weight asked = what.weight;
  live->applying = false;
  if (!given.ok()) {
    ++router_errors_;
    live->given.reset();
    live->retry_at = deps_.clock->Now() + kRetryAfter;
    if (given.error().message != live->router_error) {
      live->router_error = given.error().message;
      deps_.log->Error("router_failed", {{"deployment", id}, {"error", given.error().message}});
    }
    Alert(live, "router", "the router did not take the weight: " + given.error().message);
    if (live->wanted && *live->wanted != asked) return ApplyWeight(live, *live->wanted);
    // The proxies that do answer need not keep bound clients on a bad canary until the others do.
    if (live->finishing && live->MustEvict() && live->evictions < kMostEvictions) Evict(live);
    return;
  }
  live->router_error.clear();
  live->alerted.erase("router");
  live->given = *given;
  live->admitted = live->admitted || what.admit;
  pending_.entries.push_back({.at = deps_.clock->Wall(),
                              .deployment = id,
                              .kind = "observed",
                              .body = fmt::format(R"({{"weight_asked":{},"weight_given":{}}})",
                                                  asked.share(), given->share())});
  deps_.log->Info("weight_applied",
                  {{"deployment", id}, {"asked_bp", asked.bp()}, {"given_bp", given->bp()}});
  const bool admission_waits = live->admit && !live->admitted;
  if (live->wanted && (*live->wanted != asked || admission_waits)) {
    ApplyWeight(live, *live->wanted);
  } else if (live->finishing && *given == live->rollout.asked) {
    return Conclude(live);
  }
  UpdateView(*live);
}

EngineImpl::LinesThen EngineImpl::ReadLines(const std::array<telemetry::ServerKey, 2>& keys,
                                            const Result<traffic::RouteView>& view) const {
  LinesThen lines{.both = deps_.requests->LinesOf(keys[0]) + deps_.requests->LinesOf(keys[1]),
                  .of_proxy = {}};
  if (!view.ok() || view->proxies.size() < 2) return lines;
  for (const traffic::ProxyView& proxy : view->proxies) {
    lines.of_proxy.push_back(
        proxy.process >= 0 ? deps_.requests->LinesFrom(proxy.host, proxy.process) : -1);
  }
  return lines;
}

void EngineImpl::OnObserved(const std::string& id, MonotonicTime tick_end, LinesThen lines,
                            Result<traffic::RouteView> view) {
  Live* live = Find(id);
  if (live == nullptr) return;
  live->observing = false;
  // Too late for its tick: what was seen then says nothing of this one.
  if (!live->closing || live->tick_end != tick_end) return;
  if (!view.ok()) {
    ++router_errors_;
  } else if (!live->given && !live->applying && live->wanted &&
             traffic::WhoDisobeys(*view, live->router->Nearest(*live->wanted)).empty()) {
    live->given = view->weight;  // an answer was lost, yet the change took effect
  }
  live->seen = std::move(view);
  live->lines_then = lines.both;
  live->proxy_lines_then = std::move(lines.of_proxy);
}

// The last weight is confirmed. A canary that is proven bad also loses the clients that are bound
// to it; a router that cannot do that for long keeps no deployment from its end.
void EngineImpl::Conclude(Live* live) {
  if (!live->MustEvict() || live->evictions >= kMostEvictions) return Complete(live);
  Evict(live);
}

void EngineImpl::Evict(Live* live) {
  ++live->evictions;
  // It may take long; weights of others have workers of their own.
  live->applying = observers_->Submit(
      [this, id = live->announced.id, router = live->router, route = live->route] {
        const Status evicted = router->Evict(route, deps_.clock->Now() + kEvictPatience);
        Post([this, id, evicted] { OnEvicted(id, evicted); });
      });
  if (!live->applying) live->retry_at = deps_.clock->Now() + kRetryAfter;
}

void EngineImpl::OnEvicted(const std::string& id, const Status& evicted) {
  Live* live = Find(id);
  if (live == nullptr) return;
  live->applying = false;
  if (evicted.ok()) {
    deps_.log->Info("canary_evicted", {{"deployment", id}});
    return Complete(live);
  }
  ++router_errors_;
  live->retry_at = deps_.clock->Now() + kRetryAfter;
  deps_.log->Error("evict_failed", {{"deployment", id}, {"error", evicted.error().message}});
  Alert(live, "evict",
        "clients that a cookie binds to the canary may still be sent there: " +
            evicted.error().message);
  if (live->evictions >= kMostEvictions && live->given == live->rollout.asked) Complete(live);
}

// The router has confirmed the end: the outcome is a fact.
void EngineImpl::Complete(Live* live) {
  live->ended_at = deps_.clock->Wall();
  const std::string id = live->announced.id;
  const std::string view = ToJson(ViewOf(*live));
  storage::Batch batch = std::exchange(pending_, {});
  batch.entries.push_back(
      {.at = *live->ended_at, .deployment = id, .kind = "outcome", .body = view});
  batch.deployments.push_back(RowOf(*live));
  if (std::optional<Lesson> lesson = live->lesson.Of(live->rollout))
    live->aggregate.lesson = *std::move(lesson);
  batch.baselines.push_back(
      {.service = live->announced.service, .at = *live->ended_at, .body = ToJson(live->aggregate)});
  if (!CommitOrWait(batch)) return;
  const Decision& last = live->rollout.last;
  ends_.Add(live->announced.service, {.decision = last.action,
                                      .verdict = last.verdict.value_or(Verdict::kNotProven),
                                      .by = last.by});
  deps_.log->Info("deployment_ended",
                  {{"deployment", id}, {"decision", Name(last.action)}, {"reason", last.reason}});
  deps_.requests->Forget(live->CanaryKey());
  deps_.requests->Forget(live->BaselineKey());
  UpdateView(*live);
  Publish(*live, "state", view);
  PackEnded();
  // Not while somebody walks over lives_.
  Post([this, id] { lives_.erase(id); });
}

}  // namespace auspex::rollout
