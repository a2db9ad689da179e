#pragma once

#include "auspex/model/classifier.h"

namespace auspex::model {

// "blend": the mean of the margins of logistic and xgboost. A straight line is right on average
// where trees overfit, and trees see what bends; equal shares, as there is nothing to fit.
Status RegisterBlend(LearnerRegistry& registry);

// The members' margins, averaged: what a blend of classifiers that gave them would say. All of one
// length.
[[nodiscard]] std::vector<double> BlendMargins(std::span<const std::vector<double>> members);

// What a blend is made of, by name.
[[nodiscard]] const std::vector<std::string>& BlendMembers();

}  // namespace auspex::model
