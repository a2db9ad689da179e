// How a connection carries a stream of events.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "auspex/api/beast/session.h"

namespace auspex::api::beast {
namespace {

constexpr auto kAwait = net::as_tuple(net::use_awaitable);

// What a stream's reader may leave in the kernel before it counts as slow.
constexpr int kStreamSendBytes = 64 * 1024;

}  // namespace

net::awaitable<void> Session::Stream() {
  error_code ignored;
  transport_.socket().set_option(net::socket_base::send_buffer_size(kStreamSendBytes), ignored);
  stream_->OnReady([weak = weak_from_this(), &io = core_.io] {
    net::post(io, [weak] {
      if (const auto self = weak.lock()) self->Wake();
    });
  });
  net::co_spawn(core_.io, WatchPeer(), net::detached);
  while (!core_.stopping && !peer_gone_) {
    // Its token may be revoked by now.
    if (core_.gate != nullptr && !core_.gate->StillAdmits(caller_)) break;
    EventBatch batch = stream_->Take();
    if (batch.state != EventBatch::State::kOpen) break;
    if (batch.text.empty()) {
      Disarm();
      wake_.expires_after(core_.limits.heartbeat);
      const auto [cut_short] = co_await wake_.async_wait(kAwait);
      if (cut_short) continue;  // there is news, or an end
      batch.text = ":\n\n";
    }
    const bool written = co_await WriteText(batch.text);
    if (!written) break;
  }
  stream_->Close();
}

void Session::Wake() {
  wake_.cancel();
  if (stream_->state() != EventBatch::State::kTooSlow || !transport_.socket().is_open()) return;
  core_.log.Warn("event_reader_too_slow", {{"peer", peer_}});
  // The write that waits for this reader must not hold the connection until its deadline.
  Close();
}

// A stream only writes: this finds out at once when its reader leaves.
net::awaitable<void> Session::WatchPeer() {
  const auto self = shared_from_this();
  while (true) {
    const auto got = co_await transport_.ReadSome(net::buffer(scratch_));
    if (!got.error) continue;
    peer_gone_ = true;
    wake_.cancel();
    co_return;
  }
}

}  // namespace auspex::api::beast
