// Webhooks: a POST that lists the alerts of a group, signed as the Standard Webhooks specification
// has it, and what its answer means.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "alerter/config.h"
#include "alerter/sink_port.h"
#include "lib/base/result.h"
#include "lib/port/http_client.h"
#include "lib/port/secrets.h"
#include "lib/wire/messages.h"

namespace sluice::alerter {

// {"alerts":[ ... ]}: each as json_of() has it.
std::string webhook_body(const std::vector<wire::Alert>& alerts);
// The id of one alert is its own; of several it is made of all of theirs: the same list, the same
// id.
std::string webhook_id(const std::vector<wire::Alert>& alerts);
// 2xx: delivered. 408, 429, 5xx, no answer, a redirect: tried again. Other 4xx: refused.
Delivered judged(const port::HttpAnswer& answer);

// A url as a setting has it, or as its secret does: another secret than was meant is not quoted, as
// HTTP's errors would.
Result<std::string> url_of(const std::string& setting, const port::ReadSecret& read);

// The secrets of the sink and of its url are read now; when they cannot be, it is tried again.
Result<port::HttpCall> webhook_call(const Sink& sink, const std::vector<wire::Alert>& alerts,
                                    StoreTime now,
                                    const port::ReadSecret& read = port::resolve_secret);
// Those that it reads.
std::vector<std::string> references_of(const Sink& sink);

}  // namespace sluice::alerter
