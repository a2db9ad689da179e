#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "auspex/telemetry/sources/proxy_log_parser.h"
#include "auspex/telemetry/sources/route_table.h"
#include "auspex/telemetry/telemetry.h"

namespace auspex::telemetry {

// The requests of one tracked server that were not taken yet, each a record of 24 bytes, so that
// Take cuts at the microsecond; and one sum of those that are due whatever the next cut. Not
// thread-safe.
class ServerCounts {
 public:
  [[nodiscard]] std::int64_t lines() const { return lines_; }  // since the beginning
  [[nodiscard]] std::size_t kept() const { return records_.size(); }
  void set_edges(const Edges& edges) { edges_ = edges; }

  // `end_us`: the end that counts; -1, not known, is before every cut.
  void Add(const ProxyLogLine& line, std::int64_t end_us);
  // What ended at or before `until_us` (>= 0), and what claims an end more than an hour later.
  ServerTick Take(std::int64_t until_us);
  // The half that ended first (at least one) joins the sum.
  void FoldOlderHalf();
  // What ended after `end_us` joins the sum.
  void FoldAfter(std::int64_t end_us);

 private:
  struct Record {
    std::int64_t end_us;
    std::int64_t latency_us;
    std::uint16_t route;
    std::uint8_t flags;
  };
  static_assert(sizeof(Record) == 24);
  template <typename Due>
  void SumWhere(Due due);
  void Sum(const Record& record);

  std::int64_t lines_ = 0;
  std::optional<Edges> edges_;
  std::vector<Record> records_;
  ServerTick sum_;  // folded, not yet taken; its routes are in routes_
  bool summed_without_edges_ = false;
  RouteTable routes_;
};

}  // namespace auspex::telemetry
