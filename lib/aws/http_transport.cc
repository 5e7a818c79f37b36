#include "lib/aws/http_transport.h"

#include <algorithm>

#include "lib/port/clock.h"

namespace sluice::aws {

void HttpTransport::send(HttpRequest request, Limits limits, std::function<void(HttpText)> done) {
  port::HttpCall call;
  call.method = std::move(request.method);
  call.url = std::move(request.url);
  call.headers = std::move(request.headers);
  call.body = std::move(request.body);
  call.timeout = limits.timeout;
  call.connect_timeout = std::min(limits.timeout, seconds(3));
  call.body_max = limits.answer_max + 1;
  call.fields = {"date", "x-amzn-errortype", "x-amzn-requestid",     "x-amz-request-id",
                 "etag", "x-amz-version-id", "x-amz-checksum-sha256"};
  http_.send(std::move(call), [done = std::move(done)](const port::HttpAnswer& answer) {
    done({static_cast<std::uint32_t>(answer.status), answer.fields, answer.body, answer.error,
          answer.timed_out, answer.retry_after});
  });
}

void HttpTransport::after(Duration wait, std::function<void()> run) {
  poller_.after(wait, [here = std::weak_ptr<bool>(here_), run = std::move(run)] {
    if (!here.expired()) run();
  });
}

Instant HttpTransport::now() const { return poller_.now(); }

StoreTime HttpTransport::wall() const { return port::wall_now(); }

}  // namespace sluice::aws
