// Topics of SNS as sinks: each alert is a message, with attributes that filter policies of
// subscriptions go by.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "alerter/config.h"
#include "alerter/sink_port.h"
#include "lib/aws/client.h"
#include "lib/aws/sns.h"

namespace sluice::alerter {

// "eu-west-1" of arn:aws:sns:eu-west-1:123456789012:name; empty: it is none.
std::string region_of_topic(const std::string& arn);

// Its text is json_of(), for e-mail text_of(). Attributes: severity, kind, and budget, upstream and
// key where it has them as labels. In a FIFO topic alerts of one kind keep their order, and one
// that is said again within five minutes is told once.
aws::sns::Message sns_message(const wire::Alert& alert, bool is_fifo);

// Calls `done` once, later: delivered when the topic took each of them. The client outlives it.
void publish(aws::Client& client, const Sink& sink, const std::vector<wire::Alert>& alerts,
             std::function<void(const Delivered&)> done);

}  // namespace sluice::alerter
