#include "auspex/alert/alertmanager/alertmanager_channel.h"
#include "auspex/alert/channel.h"
#include "auspex/alert/log/log_channel.h"
#include "auspex/alert/webhook/webhook_channel.h"

namespace auspex::alert {

void RegisterChannels(ChannelRegistry& registry) {
  RegisterAlertmanagerChannel(registry);
  RegisterLogChannel(registry);
  RegisterWebhookChannel(registry);
}

}  // namespace auspex::alert
