#include "auspex/storage/tick_archive.h"

#include <zstd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/storage/ledger.h"

namespace auspex::storage {
namespace {

// Of zstd's 1 to 22: ticks are much alike, and higher levels gain a few percent for much more time.
constexpr int kLevel = 6;
// A body's text at most doubles as a JSON string (quotes, backslashes, line ends); 64 bytes cover
// the rest of its line.
constexpr std::size_t kMaxLinesBytes =
    2 * (kMaxArchiveBodyBytes + kMaxBodyBytes) + 64 * kMaxArchiveBodies;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

Result<std::string> JsonString(const ArchivedBody& entry) {
  try {
    return nlohmann::json(entry.body).dump();
  } catch (const nlohmann::json::exception& error) {
    return Fail(ErrorCode::kDataLoss, "entry {} is not UTF-8: {}", entry.seq, error.what());
  }
}

Result<std::string> Compress(std::string_view lines) {
  const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  if (context == nullptr) return Fail(ErrorCode::kUnavailable, "no memory for zstd");
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string bytes(ZSTD_compressBound(lines.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context.get(), bytes.data(), bytes.size(), lines.data(), lines.size());
  if (ZSTD_isError(size) != 0) {
    return Fail(ErrorCode::kInternal, "zstd: {}", ZSTD_getErrorName(size));
  }
  bytes.resize(size);
  return bytes;
}

Result<std::string> Decompress(std::string_view bytes) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxLinesBytes) {
    return Fail(ErrorCode::kDataLoss, "no zstd frame of at most {} bytes", kMaxLinesBytes);
  }
  std::string lines(static_cast<std::size_t>(size), '\0');
  const std::size_t got = ZSTD_decompress(lines.data(), lines.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(got) != 0) {
    return Fail(ErrorCode::kDataLoss, "zstd: {}", ZSTD_getErrorName(got));
  }
  if (got != lines.size()) return Fail(ErrorCode::kDataLoss, "the zstd frame is short");
  return lines;
}

Result<ArchivedBody> ReadLine(std::string_view line) {
  auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto seq = parsed.is_object() ? parsed.find("seq") : parsed.end();
  const auto body = parsed.is_object() ? parsed.find("body") : parsed.end();
  if (seq == parsed.end() || body == parsed.end() || !seq->is_number_integer() ||
      !body->is_string()) {
    return Fail(ErrorCode::kDataLoss, "a line is not {{\"seq\":number,\"body\":text}}");
  }
  return ArchivedBody{seq->get<std::int64_t>(), std::move(body->get_ref<std::string&>())};
}

}  // namespace

Result<std::string> WriteTickArchive(const std::vector<ArchivedBody>& bodies) {
  std::string lines;
  for (const ArchivedBody& entry : bodies) {
    AUSPEX_TRY(const std::string text, JsonString(entry));
    lines += fmt::format("{{\"seq\":{},\"body\":{}}}\n", entry.seq, text);
  }
  return Compress(lines);
}

Result<ArchivedBodies> ReadTickArchive(std::string_view bytes) {
  AUSPEX_TRY(const std::string lines, Decompress(bytes));
  ArchivedBodies bodies;
  std::string_view rest = lines;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return Fail(ErrorCode::kDataLoss, "the last line is cut");
    AUSPEX_TRY(ArchivedBody entry, ReadLine(rest.substr(0, end)));
    bodies.insert_or_assign(entry.seq, std::move(entry.body));
    rest.remove_prefix(end + 1);
  }
  return bodies;
}

Result<ArchivedBodies> LoadTickArchive(ObjectStore& objects, const std::string& name,
                                       const Sha256& sha256) {
  AUSPEX_TRY(const std::string bytes, objects.Get(name));
  if (HashSha256(bytes) != sha256) {
    return Fail(ErrorCode::kDataLoss, "object '{}' does not match its SHA-256 {}", name,
                ToHex(sha256));
  }
  auto bodies = ReadTickArchive(bytes);
  if (!bodies.ok()) return Within(fmt::format("object '{}'", name), bodies.error());
  return bodies;
}

}  // namespace auspex::storage
