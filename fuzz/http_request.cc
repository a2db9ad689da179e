// The bytes of a connection: Beast's parser with the server's limits, the header as a call, the
// rule of hosts, the routes with their handlers, and the head of the answer.

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "auspex/api/beast/request_text.h"
#include "auspex/api/http_server.h"
#include "auspex/api/problem.h"
#include "auspex/api/rest.h"
#include "auspex/api/wire.h"
#include "auspex/base/clock.h"
#include "auspex/telemetry/sources/request_counter.h"
#include "fuzz/check.h"
#include "fuzz/http_fakes.h"

namespace {

namespace beast = auspex::api::beast;
namespace http = boost::beast::http;
using auspex::api::HttpReply;
using auspex::api::Routes;
using auspex::api::ServerLimits;
using boost::system::error_code;

constexpr std::int64_t kNowUs = 1'795'522'010'000'000;

// Takes one message off the front of `bytes`, after which none will come, until `done`.
template <typename Parser, typename Done>
error_code Parse(Parser& parser, std::string_view& bytes, Done done) {
  while (!done()) {
    error_code error = http::error::need_more;
    if (!bytes.empty()) bytes.remove_prefix(parser.put(boost::asio::buffer(bytes), error));
    if (error == http::error::need_more) {
      if (!parser.got_some()) return http::error::end_of_stream;
      error = {};
      parser.put_eof(error);
    }
    if (error) return error;
  }
  return {};
}

// The answer as a client reads it: one response with these fields, status and body, however the
// request was made.
void CheckReply(const HttpReply& reply) {
  AUSPEX_FUZZ_CHECK(reply.status >= 200 && reply.status < 500, reply.body);
  std::string text = RenderHead(reply, true, auspex::FromMicros(kNowUs));
  if (!reply.events) {
    if (reply.content_type.find("json") != std::string::npos)
      AUSPEX_FUZZ_CHECK(nlohmann::json::accept(reply.body), reply.body);
    text += reply.body;
  }
  http::response_parser<http::string_body> parser;
  std::string_view rest = text;
  parser.eager(true);
  const error_code broken = Parse(parser, rest, [&parser] { return parser.is_done(); });
  AUSPEX_FUZZ_CHECK(!broken, text);
  AUSPEX_FUZZ_CHECK(parser.is_header_done() && rest.empty(), text);
  AUSPEX_FUZZ_CHECK(static_cast<int>(parser.get().result_int()) == reply.status, text);
  AUSPEX_FUZZ_CHECK(reply.events || parser.get().body() == reply.body, text);
  // Connection, Content-Length, Content-Type, Date, X-Content-Type-Options, Cache-Control.
  constexpr std::size_t kOurs = 6;
  std::size_t fields = 0;
  for (const auto& field : parser.get().base()) fields += field.name_string().empty() ? 0U : 1U;
  AUSPEX_FUZZ_CHECK(fields <= kOurs + reply.headers.size(), text);
}

// One request as a connection serves it (api/beast/session.cc). False: the connection ends.
bool ServeOne(std::string_view& bytes, const ServerLimits& limits, const Routes& routes) {
  beast::Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  parser.body_limit(limits.body_bytes);
  const auto refuse = [](const std::optional<HttpReply>& problem) {
    if (problem) CheckReply(*problem);
    return false;
  };
  error_code unread = Parse(parser, bytes, [&parser] { return parser.is_header_done(); });
  if (unread) return refuse(beast::ReadProblem(unread, false, limits));
  auto call = beast::ToCall(parser.get(), "127.0.0.1:51034");
  if (!call.ok()) return refuse(auspex::api::ProblemFrom(call.error()));
  if (const auto refusal = RefuseForeign(*call, parser.get().version() >= 11))
    return refuse(refusal);
  parser.eager(true);
  unread = Parse(parser, bytes, [&parser] { return parser.is_done(); });
  if (unread) return refuse(beast::ReadProblem(unread, false, limits));
  call->body = std::move(parser.get().body());
  call->caller.role = auspex::api::Role::kAdmin;
  CheckReply(routes.Answer(*call));
  return parser.keep_alive();
}

// What all inputs are served from: describing the routes costs a hundred times what a request does.
// Only ledger and hub keep what a call did; Reset() makes both anew where the routes know them, so
// that an input finds what it would find alone.
class Served {
 public:
  Served() {
    Reset();
    AddRestRoutes({.engine = &engine_,
                   .ledger = &*ledger_,
                   .requests = &counter_,
                   .events = &*events_,
                   .clock = &clock_,
                   .log = &log_},
                  &routes_);
  }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;
  void Reset() {
    ledger_.emplace();
    events_.emplace();
    events_->Publish("decision", "d1", "{}");
  }
  [[nodiscard]] const Routes& routes() const { return routes_; }

 private:
  auspex::fuzz::FakeEngine engine_;
  std::optional<auspex::fuzz::FakeLedger> ledger_;
  auspex::telemetry::RequestCounter counter_;
  std::optional<auspex::api::EventHub> events_;
  auspex::SimulatedClock clock_{auspex::FromMicros(kNowUs)};
  auspex::Logger log_{auspex::LogLevel::kError};
  Routes routes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMostRequests = 8;  // on one connection
  static Served served;
  served.Reset();
  const ServerLimits limits;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (int i = 0; i < kMostRequests && !rest.empty(); ++i) {
    if (!ServeOne(rest, limits, served.routes())) break;
  }
  return 0;
}
