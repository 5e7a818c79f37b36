// Where credentials come from, two functions each. `..._is_set` says, at once and by what the
// machine has alone, whether anybody has set that source up; the error is why not. `from_...` calls
// `got` once, at once or later, with keys, or with why there are none. What they are given outlives
// them.
#pragma once

#include <functional>

#include "lib/aws/client.h"
#include "lib/aws/credentials.h"
#include "lib/aws/machine.h"
#include "lib/aws/profile.h"

namespace sluice::aws {

struct Surroundings {
  Transport& transport;
  Machine& machine;
  ClientConfig sts;  // for roles: region and endpoints
};

using Got = std::function<void(Result<Credentials>)>;

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. Set is what has the first.
Status environment_is_set(const Machine& machine);
void from_environment(const Surroundings& in, const Got& got);

// An ECS task's role or an EKS pod's: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, or ..._FULL_URI with
// AWS_CONTAINER_AUTHORIZATION_TOKEN or ..._TOKEN_FILE. A full URI is https, or of this machine: a
// token is for nobody else.
Status container_is_set(const Machine& machine);
void from_container(const Surroundings& in, const Got& got);

// An EC2 instance's role by IMDSv2; AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_EC2_METADATA_DISABLED.
// Only whoever asks sees whether there is one: it is set unless it is disabled.
Status instance_is_set(const Machine& machine);
void from_instance(const Surroundings& in, const Got& got);

// The instance's region, by the same; within a second.
void region_from_instance(const Surroundings& in,
                          const std::function<void(Result<std::string>)>& got);

// A role for a token in a file, which is read each time (EKS's service accounts).
void from_web_identity(const Surroundings& in, const WebIdentity& of, const Got& got);
// ... as AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE say it. Set is what has the file.
Status web_identity_is_set(const Machine& machine);
void from_web_identity(const Surroundings& in, const Got& got);

// AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, one of which may be missing.
Result<Profiles> read_profile_files(const Machine& machine);
// AWS_PROFILE or "default".
std::string profile_name(const Machine& machine);
// The profile of that name, in those files. Set is what AWS_PROFILE names, whatever there is of it,
// and a [default] that says something of keys.
Status profile_is_set(const Machine& machine);
void from_profile(const Surroundings& in, const Got& got);

// AssumeRole with the keys of somebody else.
void assume(const Surroundings& in, const Keys& with, const AssumedRole& role, const Got& got);

}  // namespace sluice::aws
