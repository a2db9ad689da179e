#include "auspex/model/learners/blend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "auspex/model/json_feature.h"
#include "auspex/model/learners/logistic.h"
#include "auspex/model/learners/xgboost.h"

namespace auspex::model {
namespace {

using Json = nlohmann::ordered_json;

struct Member {
  std::string learner;
  std::unique_ptr<Classifier> classifier;
};

class Blend final : public Classifier {
 public:
  explicit Blend(std::vector<Member> members) : members_(std::move(members)) {}

  [[nodiscard]] const std::vector<Feature>& features() const override {
    return members_.front().classifier->features();
  }

  [[nodiscard]] Result<std::vector<double>> Margins(const Table& table) const override {
    std::vector<std::vector<double>> margins;
    for (const Member& member : members_) {
      AUSPEX_TRY(std::vector<double> one, member.classifier->Margins(table));
      margins.push_back(std::move(one));
    }
    return BlendMargins(margins);
  }

  [[nodiscard]] Result<Contributions> Contribute(const Table& table) const override {
    Contributions out{features().size(), {}};
    std::vector<std::vector<double>> parts;
    for (const Member& member : members_) {
      AUSPEX_TRY(Contributions one, member.classifier->Contribute(table));
      parts.push_back(std::move(one.values));
    }
    out.values = BlendMargins(parts);
    return out;
  }

  [[nodiscard]] Result<std::string> Save() const override {
    Json members = Json::array();
    for (const Member& member : members_) {
      AUSPEX_TRY(const std::string bytes, member.classifier->Save());
      members.push_back({{"learner", member.learner}, {"classifier", Json::parse(bytes)}});
    }
    return Json{{"members", members}}.dump();
  }

 private:
  std::vector<Member> members_;  // all of the same features
};

Result<LearnerRegistry> MemberLearners() {
  LearnerRegistry learners;
  AUSPEX_TRY(RegisterLogistic(learners));
  AUSPEX_TRY(RegisterXgboost(learners));
  return learners;
}

class BlendLearner final : public Learner {
 public:
  explicit BlendLearner(LearnerRegistry learners) : learners_(std::move(learners)) {}

  [[nodiscard]] Result<std::unique_ptr<Classifier>> Train(const Examples& examples,
                                                          std::uint64_t seed) const override {
    std::vector<Member> members;
    for (const std::string& name : BlendMembers()) {
      AUSPEX_TRY(const auto learner, learners_.Create(name));
      AUSPEX_TRY(auto classifier, learner->Train(examples, seed));
      members.push_back({name, std::move(classifier)});
    }
    return std::unique_ptr<Classifier>(std::make_unique<Blend>(std::move(members)));
  }

  [[nodiscard]] Result<std::unique_ptr<Classifier>> Load(std::string_view bytes) const override {
    AUSPEX_TRY(const Json json, ParseStored(bytes, "the blend"));
    std::vector<Member> members;
    try {
      for (const Json& one : json.at("members")) {
        const auto name = one.at("learner").get<std::string>();
        AUSPEX_TRY(const auto learner, learners_.Create(name));
        AUSPEX_TRY(auto classifier, learner->Load(one.at("classifier").dump()));
        members.push_back({name, std::move(classifier)});
      }
    } catch (const Json::exception& error) {
      return Fail(ErrorCode::kDataLoss, "the blend is damaged: {}", error.what());
    }
    for (const Member& member : members)
      if (member.classifier->features() != members.front().classifier->features())
        return Fail(ErrorCode::kDataLoss, "the blend is damaged: its members differ in features");
    if (members.empty()) return Fail(ErrorCode::kDataLoss, "the blend is damaged: it is empty");
    return std::unique_ptr<Classifier>(std::make_unique<Blend>(std::move(members)));
  }

  [[nodiscard]] std::string Describe() const override {
    return fmt::format("mean of the log-odds of {}", fmt::join(BlendMembers(), " and "));
  }

 private:
  LearnerRegistry learners_;
};

}  // namespace

std::vector<double> BlendMargins(std::span<const std::vector<double>> members) {
  std::vector<double> mean(members.front().size(), 0.0);
  for (const std::vector<double>& member : members)
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean[i] += member[i] / static_cast<double>(members.size());
  return mean;
}

const std::vector<std::string>& BlendMembers() {
  static const std::vector<std::string> kMembers = {"logistic", "xgboost"};
  return kMembers;
}

Status RegisterBlend(LearnerRegistry& registry) {
  return registry.Add("blend", []() -> Result<std::unique_ptr<Learner>> {
    AUSPEX_TRY(LearnerRegistry members, MemberLearners());
    return std::unique_ptr<Learner>(std::make_unique<BlendLearner>(std::move(members)));
  });
}

}  // namespace auspex::model
