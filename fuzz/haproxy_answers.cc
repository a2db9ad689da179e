// ParseServersState, ParseServerStats, ParseAlgorithm, ParseProcessInfo, ParseSetServer: what comes
// over HAProxy's runtime socket.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/traffic/haproxy/runtime_answers.h"
#include "fuzz/check.h"

namespace {

using auspex::traffic::ServerStat;
using auspex::traffic::ServerState;

std::string Print(const std::vector<ServerState>& servers) {
  std::string text =
      "1\n# be_id srv_name srv_op_state srv_admin_state srv_uweight srv_check_state\n";
  for (const ServerState& server : servers) {
    text += fmt::format("{} {} {} {} {} {}\n", server.backend_id, server.name, server.up ? 2 : 0,
                        server.admin_state, server.weight, server.checked ? 6 : 2);
  }
  return text;
}

std::string Quoted(std::string_view field) {
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string(2, c) : std::string(1, c);
  return text + '"';
}

std::string Print(const std::vector<ServerStat>& servers) {
  std::string text = "# pxname,svname,scur,stot,bck\n";
  for (const ServerStat& server : servers) {
    text += fmt::format("x,{},{},{},{}\n", Quoted(server.name), server.in_flight,
                        server.requests_total, server.backup ? 1 : 0);
  }
  return text;
}

// The error's excerpt must not carry line ends or control characters to a log or a terminal.
void CheckError(const auspex::Error& error) {
  AUSPEX_FUZZ_CHECK(error.message.size() < 300, error.message);
  AUSPEX_FUZZ_CHECK(std::all_of(error.message.begin(), error.message.end(),
                                [](char c) { return c >= ' ' && c <= '~'; }),
                    error.message);
}

template <typename T>
void CheckTable(auspex::Result<std::vector<T>> (*parse)(std::string_view),
                std::string_view answer) {
  const auto servers = parse(answer);
  if (!servers.ok()) return CheckError(servers.error());
  const std::string printed = Print(*servers);
  const auto again = parse(printed);
  AUSPEX_FUZZ_CHECK(again.ok() && *again == *servers, printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the bytes as text
  const std::string_view answer(reinterpret_cast<const char*>(data), size);
  CheckTable(&auspex::traffic::ParseServersState, answer);
  CheckTable(&auspex::traffic::ParseServerStats, answer);
  const auto algorithm = auspex::traffic::ParseAlgorithm(answer);
  if (!algorithm.ok()) CheckError(algorithm.error());
  AUSPEX_FUZZ_CHECK(!algorithm.ok() || algorithm->size() <= 80, answer);
  const auto info = auspex::traffic::ParseProcessInfo(answer);
  if (!info.ok()) CheckError(info.error());
  AUSPEX_FUZZ_CHECK(!info.ok() || info->process > 0, answer);
  const auto set = auspex::traffic::ParseSetServer(answer);
  const bool blank = answer.find_first_not_of(" \r\n") == std::string_view::npos;
  AUSPEX_FUZZ_CHECK(set.ok() == blank, answer);
  if (!set.ok()) CheckError(set.error());
  return 0;
}
