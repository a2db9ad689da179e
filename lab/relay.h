#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <thread>

#include "auspex/base/result.h"
#include "lab/posix.h"

namespace auspex::lab {

// A TCP relay on 127.0.0.1, to cut a connection between two parts that live: bytes go through both
// ways until Cut(), which loses what is under way as a broken network does.
//
// One thread of its own. Not thread-safe: one caller.
class Relay {
 public:
  // To 127.0.0.1:`target`, from a free port. Error: kUnavailable.
  static Result<std::unique_ptr<Relay>> Start(std::uint16_t target);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Ends all connections and takes no more. Again: nothing changes.
  void Cut();
  // Takes connections again, on the same port. Again: nothing changes. Error: kUnavailable.
  Status Restore();

 private:
  struct Pair {
    Fd near;
    Fd far;
  };
  explicit Relay(std::uint16_t target) : target_(target) {}
  void Run();
  void Accept();
  [[nodiscard]] static bool Pass(const Fd& from, const Fd& to);

  const std::uint16_t target_;
  std::uint16_t port_ = 0;
  Fd listener_;
  std::list<Pair> pairs_;  // the thread's, while it runs
  std::atomic<bool> cut_ = true;
  std::thread thread_;
};

}  // namespace auspex::lab
