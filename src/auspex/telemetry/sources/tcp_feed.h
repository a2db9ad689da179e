#pragma once

#include <cstddef>
#include <memory>

#include "auspex/base/log.h"
#include "auspex/base/result.h"
#include "auspex/telemetry/sources/feed_receiver.h"

namespace auspex::telemetry {

// Receives octet-counted RFC 5424 frames over TCP, from any number of proxies at once.
//
// One thread serves all connections, at most kMaxFeedConnections: when one more comes, the one that
// was silent longest gives way, so dead peers cannot lock a proxy out. A connection holds at most
// one frame and one read; a frame that its end cut is malformed (its line is lost: a proxy does not
// know what had arrived). Errors: as BindFeed.
inline constexpr std::size_t kMaxFeedConnections = 64;
Result<std::unique_ptr<FeedReceiver>> ListenTcp(const FeedAddress& address, const Logger& log);

}  // namespace auspex::telemetry
