#pragma once

#include "auspex/model/classifier.h"

namespace auspex::model {

// "xgboost": boosted trees by Debian's libxgboost 1.7 over its C interface, on the features as they
// are (missing values go the way that suits them best). The number of trees is the one with the
// least loss on the latest fifth of the examples; then all of them are learned from. One thread:
// results are the same on each machine, and OpenMP's threads do not spin beside a busy neighbour.
Status RegisterXgboost(LearnerRegistry& registry);

}  // namespace auspex::model
