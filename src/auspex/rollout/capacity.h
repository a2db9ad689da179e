#pragma once

#include <optional>
#include <string>

#include "auspex/base/weight.h"

// No weight that the baseline or the canary cannot carry, on the way down too. Pure: what the
// router saw in, bounds out.
namespace auspex::rollout {

// A canary's requests/s grow by at most this factor a tick over the most that it has carried, and
// so do a baseline's over what it has now, where it never carried as much.
inline constexpr double kLoadGrowth = 2.0;
// What a server has carried, it carries with so much more; and a change of load within this is made
// at once: a queue does not begin for it.
inline constexpr double kLoadSlack = 1.25;
// Of `maxconn`, until more was carried: in flight counts are looked at once a tick, and vary by
// their root between.
inline constexpr double kMostFilled = 0.8;
// Of the load at which requests queued for the canary: what it gets from then on. While the queue
// lasts its weight falls by this factor a tick.
inline constexpr double kBackOff = 0.8;
// Seconds without a queue (at time scale 1) after which the load at which one formed counts as
// kLoadSlack times as high: the arm is then tried again where it last failed, so that the weight
// crosses that point once in this time and not every few ticks.
inline constexpr double kCalmSeconds = 300.0;
// A weight that is to fall has fallen after so many seconds (at time scale 1), whatever the
// baseline's queue and health: by then it is the smaller evil.
inline constexpr double kLongestLowering = 30.0;
// A canary that is proven bad goes sooner: once it has harmed as many as a baseline that is drowned
// in all of the traffic harms in so many ticks, the reaction to it (ski rental: whichever would
// have been right, waiting cost at most as much again).
inline constexpr double kLoweringHarmTicks = 2.0;

// What the router saw of one arm in a tick.
struct ArmLoad {
  double requests = 0;        // that ended
  double in_flight = 0;       // at the tick's end, whoever counts those that end
  double queued = 0;          // waiting for it
  double most_in_flight = 0;  // maxconn; 0: no limit
  bool up = true;
  [[nodiscard]] bool queues() const { return queued > 0; }
  [[nodiscard]] bool full() const {
    return queues() || (most_in_flight > 0 && in_flight >= most_in_flight);
  }
};
struct Load {
  Weight given;
  double per_s = 0;    // requests of the service, both arms; 0: unknown
  double seconds = 0;  // of the tick, at time scale 1
  ArmLoad canary;
  ArmLoad baseline;
};

// What was learned so far. A value; part of the Rollout.
struct Carried {
  double canary_per_s = 0;  // the most that each was given and served without a queue
  double baseline_per_s = 0;
  // The least at which requests queued for each, and seconds without one since; 0: never, or
  // forgotten.
  struct Queue {
    double per_s = 0;
    double calm_s = 0;
  };
  Queue canary_queue;
  Queue baseline_queue;
  // Smoothed: in flight at each, and the canary's share while they were.
  double canary_in_flight = 0;
  double baseline_in_flight = 0;
  double share = 0;
  double most_in_flight = 0;  // the most that either had while nobody waited
  bool any = false;
};
[[nodiscard]] Carried Carry(Carried carried, const Load& load);

// Weights in [least, most] can be carried by both: below `least` the baseline cannot, above `most`
// the canary cannot. The sentences say why; empty where there is no bound. Where both are short,
// least > most: hold.
struct WeightBounds {
  Weight least = Weight::Zero();
  Weight most = Weight::Whole();
  std::string why_least;
  std::string why_most;
};
struct BoundOptions {
  bool growth = true;  // false: only queues and limits bound the canary, as its ladder is a user's
  // The canary is proven bad: the baseline gets at once all that it is known to carry, its whole
  // maxconn included, and then goes on growing beyond a queue that is over.
  bool proven_bad = false;
};
[[nodiscard]] WeightBounds BoundsFor(const Carried& carried, const Load& load,
                                     const BoundOptions& options);

}  // namespace auspex::rollout
