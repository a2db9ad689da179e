#include "auspex/training/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "auspex/base/clock.h"
#include "auspex/base/csv.h"
#include "auspex/base/nearest.h"
#include "auspex/base/sha256.h"

namespace auspex::training {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Where in the file each role stands.
struct Places {
  std::optional<std::size_t> label, time, group, known_at;
  std::vector<std::size_t> features;
  std::vector<std::string> left_out;
};

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Failure NoColumn(const CsvTable& csv, const std::string& name, std::string_view who) {
  const auto near = Nearest(name, csv.columns());
  return Fail(ErrorCode::kInvalidArgument, "{}:1:1: no column '{}', which {} names{}", csv.name(),
              name, who,
              near ? fmt::format("; did you mean '{}'?", *near)
                   : fmt::format("; there is {}", fmt::join(csv.columns(), ", ")));
}

Result<std::optional<std::size_t>> Find(const CsvTable& csv, const std::string& name,
                                        std::string_view who) {
  if (name.empty()) return std::optional<std::size_t>();
  const auto found = std::find(csv.columns().begin(), csv.columns().end(), name);
  if (found == csv.columns().end()) return NoColumn(csv, name, who);
  return std::optional(static_cast<std::size_t>(found - csv.columns().begin()));
}

// Says an outcome, or which change it is: nothing to learn from.
bool IsNoFeature(const std::string& name) {
  return name == "label" || name.starts_with("label_") || name == "commit";
}

Result<Places> Place(const CsvTable& csv, const ColumnRoles& roles) {
  Places places;
  AUSPEX_TRY(places.label, Find(csv, roles.label, "--label"));
  const auto wanted = [&](const std::string& name) {
    return !roles.time_and_group_if_there || Holds(csv.columns(), name) ? name : std::string();
  };
  AUSPEX_TRY(places.time, Find(csv, wanted(roles.time), "--time"));
  AUSPEX_TRY(places.group, Find(csv, wanted(roles.group), "--group"));
  const auto known_at = std::find(csv.columns().begin(), csv.columns().end(), kKnownAt);
  if (known_at != csv.columns().end() && places.label)
    places.known_at = static_cast<std::size_t>(known_at - csv.columns().begin());
  if (places.known_at && !places.time && roles.time_and_group_if_there) places.known_at.reset();
  if (places.known_at && !places.time)
    return Fail(ErrorCode::kInvalidArgument,
                "{}:1:1: {} needs the time of each row; say which column it is with --time",
                csv.name(), kKnownAt);
  for (const std::string& name : roles.drop) {
    if (!Holds(csv.columns(), name)) return NoColumn(csv, name, "--drop");
  }
  for (const std::string& name : roles.features) {
    AUSPEX_TRY(const auto place, Find(csv, name, "the model"));
    places.features.push_back(*place);
  }
  if (!roles.features.empty()) return places;
  for (std::size_t i = 0; i < csv.columns().size(); ++i) {
    const std::string& name = csv.columns()[i];
    if (i == places.label || i == places.time || i == places.group || Holds(roles.drop, name))
      continue;
    if (IsNoFeature(name)) {
      if (name != kKnownAt) places.left_out.push_back(name);
      continue;
    }
    places.features.push_back(i);
  }
  if (places.features.empty())
    return Fail(ErrorCode::kInvalidArgument, "{}:1:1: no column is left to learn from", csv.name());
  return places;
}

Result<double> Outcome(const CsvTable& csv, std::size_t column) {
  const std::string_view text = csv.Text(column);
  if (text.empty() || text == "nan" || text == "NaN") return kNaN;
  if (text == "true" || text == "True" || text == "TRUE") return 1.0;
  if (text == "false" || text == "False" || text == "FALSE") return 0.0;
  const auto number = csv.Number(column);
  if (number.ok() && *number && (**number == 0.0 || **number == 1.0)) return **number;
  return csv.Refuse(column, fmt::format("{} is no outcome; write 1 (failed), 0 (did not), or "
                                        "nothing where it is not known yet",
                                        Shown(text)));
}

// As CsvTable::Time, also "2016-05-01T10:00:00" and "2016-05-01", which are taken as UTC.
Result<double> Time(const CsvTable& csv, std::size_t column) {
  Result<double> time = csv.Time(column);
  if (time.ok()) return time;
  const std::string text(csv.Text(column));
  const Result<WallTime> local = ParseTime(text.size() == 10 ? text + "T00:00:00Z" : text + "Z");
  if (!local.ok()) return time;
  return static_cast<double>(MicrosSinceEpoch(*local)) * 1e-6;
}

Status ReadRow(const CsvTable& csv, const Places& places, bool keep_lines,
               std::map<std::string, std::size_t, std::less<>>* groups, Dataset* data) {
  for (const std::size_t column : places.features) {
    const auto value = csv.Number(column);
    if (!value.ok())
      return Fail(ErrorCode::kInvalidArgument, "{}; --drop {} leaves the column out",
                  value.error().message, csv.columns()[column]);
    data->table.values.push_back(value->value_or(kNaN));
  }
  double failed = kNaN;
  if (places.label) {
    AUSPEX_TRY(failed, Outcome(csv, *places.label));
  }
  data->failed.push_back(failed);
  auto time = static_cast<double>(data->time.size());
  if (places.time) {
    AUSPEX_TRY(time, Time(csv, *places.time));
  }
  data->time.push_back(time);
  double known_at = time;
  if (places.known_at && !csv.Text(*places.known_at).empty()) {
    AUSPEX_TRY(known_at, Time(csv, *places.known_at));
  }
  data->known_at.push_back(std::max(known_at, time));
  const std::string_view group = places.group ? csv.Text(*places.group) : "";
  const auto [entry, added] = groups->emplace(group, data->group_names.size());
  if (added) data->group_names.emplace_back(group);
  data->group.push_back(entry->second);
  if (keep_lines) {
    std::string line;
    for (std::size_t i = 0; i < csv.columns().size(); ++i)
      line += (i == 0 ? "" : ",") + CsvField(csv.Text(i));
    data->lines.push_back(std::move(line));
  }
  return {};
}

void Append(std::string* bytes, const std::vector<double>& values) {
  for (double value : values) {
    // One bit pattern for what is missing, and for zero.
    if (std::isnan(value)) value = kNaN;
    if (value == 0.0) value = 0.0;
    char raw[sizeof value];
    std::copy_n(reinterpret_cast<const char*>(&value), sizeof value, raw);
    bytes->append(raw, sizeof raw);
  }
}

}  // namespace

Result<Dataset> ReadDataset(std::unique_ptr<Input> input, const std::string& name,
                            const ColumnRoles& roles) {
  AUSPEX_TRY(CsvTable csv, CsvTable::OpenAll(std::move(input), name));
  AUSPEX_TRY(const Places places, Place(csv, roles));
  Dataset data;
  data.left_out = places.left_out;
  for (const std::size_t column : places.features)
    data.table.columns.push_back(csv.columns()[column]);
  if (roles.keep_lines) data.header = csv.columns();
  std::map<std::string, std::size_t, std::less<>> groups;
  for (;;) {
    AUSPEX_TRY(const bool row, csv.Next());
    if (!row) break;
    AUSPEX_TRY(ReadRow(csv, places, roles.keep_lines, &groups, &data));
  }
  if (data.rows() == 0)
    return Fail(ErrorCode::kInvalidArgument, "{}:2:1: the file has a header and no rows", name);
  data.order.resize(data.rows());
  std::iota(data.order.begin(), data.order.end(), std::size_t{0});
  std::stable_sort(data.order.begin(), data.order.end(),
                   [&data](std::size_t a, std::size_t b) { return data.time[a] < data.time[b]; });
  return data;
}

Dataset WaitedAlike(Dataset data, double now) {
  double wait = 0.0;
  for (const double outcome : {0.0, 1.0}) {
    std::vector<double> waits;
    for (std::size_t row = 0; row < data.rows(); ++row)
      if (data.failed[row] == outcome && data.known_at[row] <= now)
        waits.push_back(data.known_at[row] - data.time[row]);
    if (waits.empty()) continue;
    const auto middle = waits.begin() + static_cast<std::ptrdiff_t>(waits.size() / 2);
    std::nth_element(waits.begin(), middle, waits.end());
    wait = std::max(wait, *middle);
  }
  for (std::size_t row = 0; row < data.rows(); ++row)
    data.known_at[row] = std::max(data.known_at[row], data.time[row] + wait);
  return data;
}

std::string HashOf(const Dataset& data) {
  std::string bytes;
  for (const std::string& column : data.table.columns) bytes += column + '\n';
  for (const std::string& group : data.group_names) bytes += group + '\n';
  Append(&bytes, data.table.values);
  Append(&bytes, data.failed);
  Append(&bytes, data.time);
  Append(&bytes, data.known_at);
  for (const std::size_t group : data.group) bytes += fmt::format("{} ", group);
  return ToHex(HashSha256(bytes));
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  return quoted + "\"";
}

}  // namespace auspex::training
