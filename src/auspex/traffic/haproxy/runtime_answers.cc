#include "auspex/traffic/haproxy/runtime_answers.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace auspex::traffic {
namespace {

using Row = std::vector<std::string>;

// The first 80 characters, on one line.
std::string Excerpt(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string excerpt(text.substr(0, kMost));
  std::replace_if(
      excerpt.begin(), excerpt.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
  while (excerpt.ends_with(' ')) excerpt.pop_back();
  return excerpt;
}

// An error text of HAProxy 2.6, by whom it concerns.
std::optional<ErrorCode> KnownRefusal(std::string_view answer) {
  if (answer.starts_with("No such ") || answer.starts_with("Can't find backend")) {
    return ErrorCode::kNotFound;
  }
  if (answer.starts_with("Permission denied")) return ErrorCode::kPermissionDenied;
  return std::nullopt;
}

Failure NotATable(std::string_view what, std::string_view answer) {
  if (const auto code = KnownRefusal(answer)) {
    return Fail(*code, "haproxy answers '{}'", Excerpt(answer));
  }
  return Fail(ErrorCode::kUnavailable, "this is no answer to '{}': '{}'", what, Excerpt(answer));
}

Row SplitAtSpaces(std::string_view line) {
  Row fields;
  while (!line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end > 0) fields.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

// RFC 4180: a quoted field may hold commas, line ends and doubled quotes (health check messages
// do).
std::vector<Row> ParseCsv(std::string_view text) {
  std::vector<Row> rows(1, Row(1));
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string& field = rows.back().back();
    const char c = text[i];
    if (quoted) {
      const bool doubled = c == '"' && i + 1 < text.size() && text[i + 1] == '"';
      if (doubled) ++i;
      if (c == '"' && !doubled) {
        quoted = false;
      } else {
        field.push_back(c);
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      rows.back().emplace_back();
    } else if (c == '\n') {
      rows.emplace_back(1);
    } else {
      field.push_back(c);
    }
  }
  return rows;
}

constexpr std::int64_t kAnyCount = INT64_MAX;

// Reads rows by the names of their columns.
class Table {
 public:
  Table(std::string_view what, Row columns) : what_(what), columns_(std::move(columns)) {}

  Result<std::string> Text(const Row& row, std::string_view column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found == columns_.end()) {
      return Fail(ErrorCode::kUnavailable, "'{}' has no column '{}'", what_, column);
    }
    const auto index = static_cast<std::size_t>(found - columns_.begin());
    if (index >= row.size()) {
      return Fail(ErrorCode::kUnavailable, "'{}' has a row of {} columns, without '{}': '{}'",
                  what_, row.size(), column, Excerpt(fmt::format("{}", fmt::join(row, " "))));
    }
    return row[index];
  }

  // Not negative, at most `most`.
  Result<std::int64_t> Number(const Row& row, std::string_view column, std::int64_t most) const {
    AUSPEX_TRY(const std::string text, Text(row, column));
    std::int64_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, failed] = std::from_chars(text.data(), last, number);
    if (failed != std::errc() || end != last || number < 0 || number > most) {
      return Fail(ErrorCode::kUnavailable, "'{}' has '{}' for {}, not a number from 0 to {}", what_,
                  Excerpt(text), column, most);
    }
    return number;
  }
  // 0 where there is no such column, or nothing in it.
  Result<std::int64_t> NumberIfAny(const Row& row, std::string_view column) const {
    if (!Has(column)) return 0;
    AUSPEX_TRY(const std::string text, Text(row, column));
    return text.empty() ? 0 : Number(row, column, kAnyCount);
  }
  [[nodiscard]] bool Has(std::string_view column) const {
    return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
  }

 private:
  std::string_view what_;
  Row columns_;
};

Result<ServerState> ReadState(const Table& table, const Row& row) {
  AUSPEX_TRY(std::string name, table.Text(row, "srv_name"));
  AUSPEX_TRY(const auto backend_id, table.Number(row, "be_id", INT32_MAX));
  AUSPEX_TRY(const auto weight, table.Number(row, "srv_uweight", 256));
  AUSPEX_TRY(const auto op_state, table.Number(row, "srv_op_state", INT32_MAX));
  AUSPEX_TRY(const auto admin_state, table.Number(row, "srv_admin_state", INT32_MAX));
  AUSPEX_TRY(const auto check_state, table.NumberIfAny(row, "srv_check_state"));
  constexpr std::int64_t kCheckEnabled = 0x4;
  return ServerState{.name = std::move(name),
                     .backend_id = backend_id,
                     .weight = static_cast<int>(weight),
                     .up = op_state != 0,
                     .admin_state = admin_state,
                     .checked = (check_state & kCheckEnabled) != 0};
}

Result<ServerStat> ReadStat(const Table& table, const Row& row) {
  AUSPEX_TRY(std::string name, table.Text(row, "svname"));
  AUSPEX_TRY(const auto backup, table.Number(row, "bck", 1));
  AUSPEX_TRY(const auto in_flight, table.Number(row, "scur", kAnyCount));
  AUSPEX_TRY(const auto attempts, table.Number(row, "stot", kAnyCount));
  AUSPEX_TRY(const auto retried, table.NumberIfAny(row, "wretr"));
  AUSPEX_TRY(const auto redispatched, table.NumberIfAny(row, "wredis"));
  AUSPEX_TRY(const auto queued, table.NumberIfAny(row, "qcur"));
  AUSPEX_TRY(const auto limit, table.NumberIfAny(row, "slim"));
  const std::int64_t once = attempts - std::min(retried, attempts);
  return ServerStat{.name = std::move(name),
                    .backup = backup == 1,
                    .in_flight = in_flight,
                    .requests_total = once - std::min(redispatched, once),
                    .queued = queued,
                    .most_in_flight = limit};
}

// Of the column `type`; an answer without it (asked for servers alone) has only servers.
constexpr std::int64_t kBackendRow = 1;

// `visit(table, row, is_backend)` for each row but empty ones.
template <typename Visit>
Status ForEachStat(std::string_view answer, Visit visit) {
  constexpr std::string_view kWhat = "show stat";
  constexpr std::string_view kStart = "# pxname,";
  if (!answer.starts_with(kStart)) return NotATable(kWhat, answer);
  std::vector<Row> rows = ParseCsv(answer.substr(2));
  const Table table(kWhat, std::move(rows.front()));
  for (auto row = rows.begin() + 1; row != rows.end(); ++row) {
    if (*row == Row(1)) continue;  // an empty line
    AUSPEX_TRY(const std::int64_t type, table.NumberIfAny(*row, "type"));
    AUSPEX_TRY(visit(table, *row, type == kBackendRow));
  }
  return {};
}

}  // namespace

Result<std::vector<ServerState>> ParseServersState(std::string_view answer) {
  constexpr std::string_view kWhat = "show servers state";
  constexpr std::string_view kStart = "1\n# ";  // format version 1, then the header
  if (!answer.starts_with(kStart)) return NotATable(kWhat, answer);
  std::string_view rest = answer.substr(kStart.size());
  const auto next_line = [&rest] {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
  };
  const Table table(kWhat, SplitAtSpaces(next_line()));
  std::vector<ServerState> servers;
  while (!rest.empty()) {
    const Row row = SplitAtSpaces(next_line());
    if (row.empty()) continue;
    AUSPEX_TRY(ServerState server, ReadState(table, row));
    servers.push_back(std::move(server));
  }
  return servers;
}

Result<std::vector<ServerStat>> ParseServerStats(std::string_view answer) {
  std::vector<ServerStat> servers;
  const Status read =
      ForEachStat(answer, [&](const Table& table, const Row& row, bool is_backend) -> Status {
        if (is_backend) return {};
        AUSPEX_TRY(ServerStat server, ReadStat(table, row));
        servers.push_back(std::move(server));
        return {};
      });
  if (!read.ok()) return Failure{read.error()};
  return servers;
}

Result<std::string> ParseAlgorithm(std::string_view answer) {
  std::string algorithm;
  const Status read =
      ForEachStat(answer, [&](const Table& table, const Row& row, bool is_backend) -> Status {
        if (!is_backend || !table.Has("algo")) return {};
        AUSPEX_TRY(const std::string text, table.Text(row, "algo"));
        algorithm = Excerpt(text);
        return {};
      });
  if (!read.ok()) return Failure{read.error()};
  return algorithm;
}

Result<ProcessInfo> ParseProcessInfo(std::string_view answer) {
  ProcessInfo info;
  for (std::string_view rest = answer; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    constexpr std::string_view kPid = "Pid: ", kNode = "node: ";
    if (line.starts_with(kNode)) info.node = line.substr(kNode.size());
    if (!line.starts_with(kPid)) continue;
    const char* const last = line.data() + line.size();
    const auto [stop, failed] = std::from_chars(line.data() + kPid.size(), last, info.process);
    if (failed != std::errc() || stop != last) info.process = 0;
  }
  if (info.process <= 0) return NotATable("show info", answer);
  return info;
}

Status ParseSetServer(std::string_view answer) {
  if (answer.find_first_not_of(" \r\n") == std::string_view::npos) return {};
  return Fail(KnownRefusal(answer).value_or(ErrorCode::kInvalidArgument), "haproxy answers '{}'",
              Excerpt(answer));
}

}  // namespace auspex::traffic
