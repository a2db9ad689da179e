#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"

// What HAProxy's runtime socket answers, read by the names of its columns. Pure; the bytes come
// from outside. Format: HAProxy 2.6 management guide, chapter 9 ("show servers state", "show
// stat").
namespace auspex::traffic {

struct ServerState {
  std::string name;
  std::int64_t backend_id = 0;
  int weight = 0;  // srv_uweight, 0 to 256: what was last set, by the file or at run time
  // srv_op_state is not 0 ("stopped": down by its health check, or in maintenance). A server
  // without a check is up; so is one that drains.
  bool up = true;
  // srv_admin_state, a mask: 0x01 set, 0x02 inherited, 0x20 and 0x40 unresolved maintenance (0x04
  // only tells that the file says `disabled`); 0x08 set, 0x10 inherited drain.
  std::int64_t admin_state = 0;
  // srv_check_state, bit 0x4: a health check of its own runs (not one that it tracks).
  bool checked = false;
  [[nodiscard]] bool maintenance() const { return (admin_state & 0x63) != 0; }
  [[nodiscard]] bool set_aside() const { return (admin_state & 0x7b) != 0; }  // or in drain
  friend bool operator==(const ServerState&, const ServerState&) = default;
};

// Of `show servers state BACKEND`: the backend's servers, in its order. Errors: kNotFound,
// kPermissionDenied (HAProxy's own text); kUnavailable (something else came, its first characters).
Result<std::vector<ServerState>> ParseServersState(std::string_view answer);

struct ServerStat {
  std::string name;
  bool backup = false;         // gets requests only while no other server is up
  std::int64_t in_flight = 0;  // scur
  // stot, one an attempt, less those that were repeated (wretr, wredis). Exact without retries, and
  // with those of connections; answers that are retried (`retry-on`) HAProxy counts in both, so
  // then it is too small, never too large.
  std::int64_t requests_total = 0;
  std::int64_t queued = 0;          // qcur
  std::int64_t most_in_flight = 0;  // slim, the server's maxconn; 0: none is set
  friend bool operator==(const ServerStat&, const ServerStat&) = default;
};

// Of `show stat #BACKEND_ID 4 -1`, or with 6 for the backend too, which is left out here. Errors as
// ParseServersState.
Result<std::vector<ServerStat>> ParseServerStats(std::string_view answer);

// Of `show stat #BACKEND_ID 6 -1`: by what the backend picks a server, its column `algo`
// ("roundrobin", "leastconn", …); empty where HAProxy does not tell it: below the level operator it
// leaves the column empty. HAProxy 2.6 has no word for `balance random` and its other names cover
// all other algorithms, so there it reads "unknown", whatever the number of draws. At most
// 80 printable characters. Errors as ParseServersState.
Result<std::string> ParseAlgorithm(std::string_view answer);

// Of `show info`: who HAProxy says it is in the lines of its log.
struct ProcessInfo {
  std::string node;          // its host's name, unless its file sets another (`node`)
  std::int64_t process = 0;  // Pid
  friend bool operator==(const ProcessInfo&, const ProcessInfo&) = default;
};
// Error: kPermissionDenied, kUnavailable (something else came).
Result<ProcessInfo> ParseProcessInfo(std::string_view answer);

// Of `set server …` and `shutdown sessions server …`: an empty answer is success, any other is an
// error text. Errors: kNotFound, kPermissionDenied, else kInvalidArgument, with HAProxy's text.
Status ParseSetServer(std::string_view answer);

}  // namespace auspex::traffic
