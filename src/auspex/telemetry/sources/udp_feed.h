#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "auspex/base/log.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/sources/feed_receiver.h"

namespace auspex::telemetry {

// Receives RFC 5424 datagrams, one line each, in batches. A datagram that is longer than
// kMaxDatagramBytes, which the lines that ProxyLog prints never are, is malformed. What the kernel
// threw away is counted (SO_RXQ_OVFL; known when the next datagram comes). There are no connections
// to tell whether a proxy is there: it is while a line came in the last kSilence. Errors: as
// BindFeed.
inline constexpr std::size_t kMaxDatagramBytes = 4'096;
inline constexpr Duration kSilence = 60s;
Result<std::unique_ptr<FeedReceiver>> ListenUdp(const FeedAddress& address, const Logger& log);

// The receive buffer, in bytes as they are asked for. The kernel charges it by what a datagram
// occupies (about 1 kB a line): 8 MiB, of which it grants the double, hold some 16,000 lines, what
// comes in 0.4 s at 40,000 requests/s.
struct ReceiveBuffer {
  std::int64_t granted = 0;
  std::int64_t wanted = 8 << 20;
};
// What the kernel would grant now. Error: kInternal when it gives no descriptor.
Result<ReceiveBuffer> ProbeReceiveBuffer();
// What to do about a buffer that is smaller than wanted; empty: it is not.
[[nodiscard]] std::string Advice(const ReceiveBuffer& buffer);

}  // namespace auspex::telemetry
