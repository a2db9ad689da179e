#include "auspex/base/sha256.h"
#include "auspex/change/history.h"

namespace auspex::change {
namespace {

constexpr std::string_view kMagic = "auspex-history";

// Tells a snapshot of a machine that lays out integers or structures otherwise.
struct Layout {
  std::uint32_t order = 0x01020304;
  std::uint32_t author_bytes = sizeof(FileAuthor);
  std::uint32_t version = History::kVersion;
  std::uint32_t features = kFeatureCount;
  friend bool operator==(const Layout&, const Layout&) = default;
};

}  // namespace

std::string History::Snapshot() const {
  ByteWriter writer;
  writer.Put(commits_);
  files_.Write(writer);
  people_.Write(writer);
  subsystems_.Write(writer);
  line_counts_.Write(writer);
  sizes_.Write(writer);
  services_.Write(writer);
  const std::string body = writer.Take();
  ByteWriter whole;
  whole.PutText(kMagic);
  whole.Put(Layout());
  whole.Put(HashSha256(body));
  whole.PutText(body);
  return whole.Take();
}

Result<History> History::Restore(std::string_view snapshot, std::vector<ServicePath> services) {
  ByteReader whole(snapshot);
  if (whole.GetText() != kMagic || whole.Get<Layout>() != Layout())
    return Fail(ErrorCode::kDataLoss, "no snapshot of a history, or one of another version");
  const auto hash = whole.Get<Sha256>();
  const std::string body = whole.GetText();
  if (!whole.finished() || HashSha256(body) != hash)
    return Fail(ErrorCode::kDataLoss, "a damaged snapshot of a history");
  ByteReader reader(body);
  History history(std::move(services));
  history.commits_ = reader.Get<std::uint32_t>();
  history.files_.Read(reader);
  history.people_.Read(reader);
  history.subsystems_.Read(reader);
  history.line_counts_.Read(reader);
  history.sizes_.Read(reader);
  history.services_.Read(reader);
  if (!reader.finished())
    return Fail(ErrorCode::kDataLoss, "a snapshot of a history that does not add up");
  return history;
}

}  // namespace auspex::change
