#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auspex/alert/channel.h"

namespace auspex::alert {

// Takes alerts to all channels, each by a thread of its own, so that one that is away delays no
// other. Thread-safe.
class AlertSender {
 public:
  struct Options {
    std::size_t queue = 256;      // of each channel; beyond, its oldest is dropped, and logged
    Duration deadline = 2min;     // for one alert, from when its turn comes
    Duration attempt = 10s;       // for one attempt of it
    Duration first_wait = 500ms;  // between attempts; doubles each time
    Duration longest_wait = 15s;
    Duration last_words = 2s;  // what the destructor gives to alerts that wait
  };
  // `log` outlives it.
  AlertSender(std::vector<std::unique_ptr<Channel>> channels, const Options& options,
              const Logger* log);
  // Sends what waits, up to `last_words`, and one attempt under way; what is left is logged.
  ~AlertSender();
  AlertSender(const AlertSender&) = delete;
  AlertSender& operator=(const AlertSender&) = delete;

  // Never waits for a channel.
  void Send(const Alert& alert);
  // For what has to be told before something happens: false where a channel has neither taken nor
  // refused it within `limit`; it goes on trying.
  bool SendAndWait(const Alert& alert, Duration limit);

  struct Count {
    std::string channel;  // Channel::Describe
    std::int64_t sent = 0;
    std::int64_t failed = 0;   // refused, or not taken within the deadline
    std::int64_t dropped = 0;  // because the queue was full, or at the end
    std::int64_t waiting = 0;
  };
  [[nodiscard]] std::vector<Count> Counts() const;

 private:
  class Lane;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace auspex::alert
