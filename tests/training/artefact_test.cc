#include "auspex/training/artefact.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "auspex/training/training.h"
#include "tests/training/some_data.h"

namespace auspex::training {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void Put(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

class ArtefactTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / fmt::format("auspex-model-{}-{}", getpid(), test->name());
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static Artefact Trained(std::uint64_t data_seed = 1) {
    TrainOptions options;
    options.roles = SomeRoles();
    options.history = true;
    auto artefact = Train(*Parsed(SomeCsv(200, data_seed)), options, AllLearners());
    EXPECT_TRUE(artefact.ok()) << artefact.error().message;
    return *artefact;
  }
  Result<Artefact> Load() { return LoadArtefact(folder_.string(), AllLearners()); }
  void ExpectDamaged(const std::string& what) {
    const auto read = Load();
    ASSERT_FALSE(read.ok()) << what;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument) << what;
    EXPECT_NE(read.error().message.find("damaged or was changed by hand"), std::string::npos)
        << what << ": " << read.error().message;
  }

  fs::path folder_;
};

TEST_F(ArtefactTest, SaysTheSameWhenReadBack) {
  const Artefact artefact = Trained();
  ASSERT_TRUE(SaveArtefact(artefact, folder_.string()).ok());
  const auto read = Load();
  ASSERT_TRUE(read.ok()) << read.error().message;
  const Dataset later = *Parsed(SomeCsv(50, 2));
  EXPECT_EQ(*read->model->Chances(FeaturesFor(read->record, later)),
            *artefact.model->Chances(FeaturesFor(artefact.record, later)));
  EXPECT_EQ(read->record.data_sha256, artefact.record.data_sha256);
  EXPECT_EQ(read->record.roles.features, artefact.record.roles.features);
  EXPECT_EQ(read->record.later.auc, artefact.record.later.auc);
  EXPECT_EQ(read->model->calibration(), artefact.model->calibration());
  EXPECT_EQ(read->model->features(), artefact.model->features());
  EXPECT_EQ(read->model->features()[2].phrase, "has {} known outcomes before it");
}

TEST_F(ArtefactTest, OfEqualDataAndSeedHasEqualBytes) {
  ASSERT_TRUE(SaveArtefact(Trained(), (folder_ / "a").string()).ok());
  ASSERT_TRUE(SaveArtefact(Trained(), (folder_ / "b").string()).ok());
  ASSERT_TRUE(SaveArtefact(Trained(2), (folder_ / "c").string()).ok());
  for (const char* file : {"model.json", "classifier.json", "model-card.md"}) {
    EXPECT_EQ(TextOf(folder_ / "a" / file), TextOf(folder_ / "b" / file)) << file;
    EXPECT_NE(TextOf(folder_ / "a" / file), TextOf(folder_ / "c" / file)) << file;
  }
}

TEST_F(ArtefactTest, IsRefusedWhenItWasTamperedWith) {
  ASSERT_TRUE(SaveArtefact(Trained(), folder_.string()).ok());
  const std::string model = TextOf(folder_ / "model.json");
  const std::string classifier = TextOf(folder_ / "classifier.json");
  const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  Put(folder_ / "model.json", replaced(model, "\"slope\": ", "\"slope\": 9"));
  ExpectDamaged("another calibration");
  Put(folder_ / "model.json", replaced(model, "\"name\": \"lines\"", "\"name\": \"loins\""));
  ExpectDamaged("another feature");
  Put(folder_ / "model.json", model.substr(0, model.size() / 2));
  ExpectDamaged("half a file");
  Put(folder_ / "model.json", "[]");
  ExpectDamaged("no object");
  Put(folder_ / "model.json", model);
  Put(folder_ / "classifier.json", classifier + " ");
  ExpectDamaged("another classifier");
  Put(folder_ / "classifier.json", classifier);
  EXPECT_TRUE(Load().ok());
}

TEST_F(ArtefactTest, OfANewerFormatIsNamedAsSuch) {
  ASSERT_TRUE(SaveArtefact(Trained(), folder_.string()).ok());
  std::string model = TextOf(folder_ / "model.json");
  model.replace(model.find("\"format\": 1"), 11, "\"format\": 2");
  Put(folder_ / "model.json", model);
  const auto read = Load();
  ASSERT_FALSE(read.ok());
  EXPECT_NE(read.error().message.find("a model of format 2; this version reads format 1"),
            std::string::npos)
      << read.error().message;
}

TEST_F(ArtefactTest, IsNotFoundWhereThereIsNone) {
  const auto read = Load();
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
}

TEST_F(ArtefactTest, ReplacesAModelAndNothingElse) {
  ASSERT_TRUE(SaveArtefact(Trained(), folder_.string()).ok());
  ASSERT_TRUE(SaveArtefact(Trained(2), folder_.string()).ok());
  EXPECT_TRUE(Load().ok());
  const fs::path other = folder_ / "other";
  fs::create_directory(other);
  Put(other / "precious.txt", "x");
  const Status saved = SaveArtefact(Trained(), other.string());
  ASSERT_FALSE(saved.ok());
  EXPECT_EQ(saved.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(fs::exists(other / "model.json"));
  EXPECT_FALSE(SaveArtefact(Trained(), (other / "precious.txt").string()).ok());
}

}  // namespace
}  // namespace auspex::training
