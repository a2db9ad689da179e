// The bytes of a connection: Beast's parser with the server's limits, the target, the rule of
// hosts, the routes with their handlers, and the head of the answer.

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

#include "auspex/api/http_server.h"
#include "auspex/api/problem.h"
#include "auspex/api/rest.h"
#include "auspex/api/wire.h"
#include "auspex/telemetry/sources/request_counter.h"
#include "fuzz/check.h"
#include "fuzz/http_fakes.h"

namespace {

namespace http = boost::beast::http;
using auspex::api::HttpCall;
using auspex::api::HttpReply;
using boost::system::error_code;

// Takes one message off the front of `bytes`; false where it is not whole or not HTTP.
template <typename Parser>
bool Parse(Parser& parser, std::string_view& bytes) {
  parser.eager(true);
  error_code error;
  while (!parser.is_done() && !bytes.empty()) {
    const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
    bytes.remove_prefix(used);
    if (error == http::error::need_more && used > 0) error = {};
    if (error) return false;
  }
  return parser.is_done();
}

HttpCall ToCall(const http::request<http::string_body>& request, auspex::api::Target target) {
  HttpCall call;
  call.method = std::string(request.method_string());
  call.path = std::move(target.path);
  call.query = std::move(target.query);
  call.peer = "127.0.0.1:51034";
  for (const auto& field : request)
    call.headers.emplace(std::string(field.name_string()), std::string(field.value()));
  if (!target.authority.empty()) {
    call.headers.erase("Host");
    call.headers.emplace("Host", std::move(target.authority));
  }
  call.body = request.body();
  return call;
}

// The answer as a client reads it: one response with these fields, status and body, however the
// request was made.
void CheckReply(const HttpReply& reply) {
  AUSPEX_FUZZ_CHECK(reply.status >= 200 && reply.status < 500, reply.body);
  std::string text = RenderHead(reply, true, auspex::FromMicros(1'795'522'010'000'000));
  if (!reply.events) {
    if (reply.content_type.find("json") != std::string::npos)
      AUSPEX_FUZZ_CHECK(nlohmann::json::accept(reply.body), reply.body);
    text += reply.body;
  }
  http::response_parser<http::string_body> parser;
  std::string_view rest = text;
  const bool whole = Parse(parser, rest);
  AUSPEX_FUZZ_CHECK(whole || reply.events, text);
  AUSPEX_FUZZ_CHECK(parser.is_header_done() && rest.empty(), text);
  AUSPEX_FUZZ_CHECK(static_cast<int>(parser.get().result_int()) == reply.status, text);
  AUSPEX_FUZZ_CHECK(reply.events || parser.get().body() == reply.body, text);
  // Connection, Content-Length, Content-Type, Date, X-Content-Type-Options, Cache-Control.
  constexpr std::size_t kOurs = 6;
  std::size_t fields = 0;
  for (const auto& field : parser.get().base()) fields += field.name_string().empty() ? 0U : 1U;
  AUSPEX_FUZZ_CHECK(fields <= kOurs + reply.headers.size(), text);
}

HttpReply Answer(const http::request<http::string_body>& request,
                 const auspex::api::Routes& routes) {
  auto target = auspex::api::ParseTarget(request.target());
  if (!target.ok()) return auspex::api::ProblemFrom(target.error());
  HttpCall call = ToCall(request, *std::move(target));
  call.caller.role = auspex::api::Role::kAdmin;
  if (auto refusal = RefuseForeign(call, request.version() >= 11)) return *std::move(refusal);
  return routes.Answer(call);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMostRequests = 8;  // on one connection
  const auspex::api::ServerLimits limits;
  auspex::fuzz::FakeEngine engine;
  auspex::fuzz::FakeLedger ledger;
  auspex::telemetry::RequestCounter counter;
  auspex::api::EventHub events;
  events.Publish("decision", "d1", "{}");
  auspex::api::Routes routes;
  const auspex::RealClock clock;
  const auspex::Logger log(auspex::LogLevel::kError);
  AddRestRoutes({.engine = &engine,
                 .ledger = &ledger,
                 .requests = &counter,
                 .events = &events,
                 .clock = &clock,
                 .log = &log},
                &routes);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  for (int i = 0; i < kMostRequests && !rest.empty(); ++i) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    parser.body_limit(limits.body_bytes);
    if (!Parse(parser, rest)) break;
    CheckReply(Answer(parser.get(), routes));
  }
  return 0;
}
