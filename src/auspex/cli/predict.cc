#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "auspex/cli/commands.h"
#include "auspex/cli/exit_code.h"
#include "auspex/cli/model_files.h"

namespace auspex::cli {
namespace {

// "touches 3 migrations (+0.82); …", in log-odds.
std::string ReasonsText(const model::Explanation& explanation) {
  std::string text;
  for (const model::Reason& reason : explanation.reasons)
    text +=
        fmt::format("{}{} ({:+.2f})", text.empty() ? "" : "; ", reason.text, reason.contribution);
  return text;
}

Result<std::string> AsCsv(const Judged& judged, std::size_t reasons) {
  for (const char* column : {"p_fail", "reasons"})
    for (const std::string& name : judged.data.header)
      if (name == column && (reasons > 0 || name == "p_fail"))
        return Fail(ErrorCode::kInvalidArgument,
                    "the file has a column '{}' already; drop or rename it", name);
  std::string text;
  for (const std::string& name : judged.data.header) text += training::CsvField(name) + ",";
  text += reasons > 0 ? "p_fail,reasons\n" : "p_fail\n";
  std::vector<model::Explanation> why;
  if (reasons > 0) {
    AUSPEX_TRY(why, judged.artefact.model->Explain(judged.features, reasons));
  }
  for (std::size_t row = 0; row < judged.data.rows(); ++row) {
    text += fmt::format("{},{}", judged.data.lines[row], judged.chances[row]);
    if (reasons > 0) text += "," + training::CsvField(ReasonsText(why[row]));
    text += "\n";
  }
  return text;
}

Status Write(const std::string& text, const std::string& file) {
  if (file == "-") {
    const bool written =
        std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (written) return {};
    return Fail(ErrorCode::kUnavailable, "standard output: {}",
                std::system_category().message(errno));
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file.c_str(), "wb"),
                                                            &std::fclose);
  if (!out || std::fwrite(text.data(), 1, text.size(), out.get()) != text.size() ||
      std::fflush(out.get()) != 0)
    return Fail(errno == EACCES ? ErrorCode::kPermissionDenied : ErrorCode::kUnavailable,
                "{} cannot be written: {}", file, std::system_category().message(errno));
  return {};
}

Result<Judged> PredictAndWrite(const PredictOptions& options) {
  std::error_code ignored;
  if (std::filesystem::equivalent(options.data, options.out, ignored))
    return Fail(ErrorCode::kInvalidArgument,
                "--out {} is the file with the rows, which would be lost; name another",
                options.out);
  AUSPEX_TRY(Judged judged, JudgeData(options.model, options.data, options.label, true));
  const Result<std::string> text = AsCsv(judged, options.reasons);
  if (!text.ok()) return Within(options.data, text.error());
  AUSPEX_TRY(Write(*text, options.out));
  return judged;
}

}  // namespace

int Predict(const PredictOptions& options) {
  const auto judged = PredictAndWrite(options);
  if (!judged.ok()) return Complain("predict", judged.error());
  if (options.out == "-") return kGood;  // the rows are the answer
  double sum = 0, most = 0;
  for (const double chance : judged->chances) {
    sum += chance;
    most = std::max(most, chance);
  }
  const double mean = sum / static_cast<double>(judged->chances.size());
  if (options.json) {
    fmt::print(R"({{"out":{},"rows":{},"p_fail_mean":{},"p_fail_max":{}}})"
               "\n",
               nlohmann::json(options.out).dump(), judged->data.rows(), mean, most);
  } else {
    fmt::print("{} rows in {}: mean P(fail) {:.1f} %, highest {:.1f} %\n", judged->data.rows(),
               options.out, 100 * mean, 100 * most);
  }
  return kGood;
}

}  // namespace auspex::cli
