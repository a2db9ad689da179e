#pragma once

#include <string>
#include <string_view>

namespace auspex::cli {

// What a deployment of the API waits for, as a person would say it: "may be promoted in 12m;
// deadline in 1h2m, then it is rolled back". Empty: nothing, or the daemon is of a version that
// does not say.
[[nodiscard]] std::string ScheduleInWords(std::string_view deployment_json);

// An order of the API: "2026-11-24T11:13:27.123Z weight 5.00 % by ann@ci: INC-12".
[[nodiscard]] std::string OrderInWords(std::string_view order_json);

// Whether the API's deployment has come to its deadline and is held there until a person promotes
// or aborts it.
[[nodiscard]] bool HeldForAPerson(std::string_view deployment_json);
// What such a person may type.
[[nodiscard]] std::string HeldInWords(std::string_view id);

}  // namespace auspex::cli
