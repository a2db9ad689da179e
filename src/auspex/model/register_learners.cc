#include "auspex/model/register_learners.h"

#include "auspex/model/learners/blend.h"
#include "auspex/model/learners/logistic.h"
#include "auspex/model/learners/xgboost.h"

namespace auspex::model {

Status RegisterLearners(LearnerRegistry& registry) {
  AUSPEX_TRY(RegisterBlend(registry));
  AUSPEX_TRY(RegisterLogistic(registry));
  return RegisterXgboost(registry);
}

}  // namespace auspex::model
