// AWS's services as others have written them (scripts/peers), each as a child of the test, on a
// port of 127.0.0.1, started when the first test asks for it. It is killed with the test.
#pragma once

#include <string>

namespace sluice {

enum class Emulator {
  kMoto,           // all six services
  kFauxqs,         // SQS, SNS, S3
  kTiny,           // DynamoDB: ours (tests/tiny_dynamodb), for what asks more of it than moto can
  kTinySqs,        // SQS: ours (tests/tiny_sqs), for the loads of bench/sqs
  kDynamoDbLocal,  // DynamoDB: AWS's own
  kElasticMq,      // SQS
};

// "moto"
std::string name_of(Emulator emulator);

// Its URL; empty: it is not there (why, said by the test's skip).
std::string url_of(Emulator emulator);
std::string why_absent(Emulator emulator);

}  // namespace sluice
