#include "lib/aws/operation.h"

#include <algorithm>
#include <array>

#include "lib/base/check.h"

namespace sluice::aws {

namespace {

constexpr std::array kOperations{
    Operation{"dynamodb", "BatchGetItem", "dynamodb:BatchGetItem"},
    Operation{"dynamodb", "DeleteItem", "dynamodb:DeleteItem"},
    Operation{"dynamodb", "GetItem", "dynamodb:GetItem"},
    Operation{"dynamodb", "PutItem", "dynamodb:PutItem"},
    Operation{"dynamodb", "Query", "dynamodb:Query"},
    Operation{"dynamodb", "TransactWriteItems", ""},  // its writes are allowed, each by itself
    Operation{"dynamodb", "UpdateItem", "dynamodb:UpdateItem"},
    Operation{"s3", "GetObject", "s3:GetObject"},
    Operation{"s3", "ListObjectsV2", "s3:ListBucket"},
    Operation{"s3", "PutObject", "s3:PutObject"},
    Operation{"s3", "PutObjectRetention", "s3:PutObjectRetention"},  // PutObject's headers
    Operation{"secrets_manager", "GetSecretValue", "secretsmanager:GetSecretValue"},
    Operation{"sns", "PublishBatch", "sns:Publish"},
    Operation{"sqs", "ChangeMessageVisibilityBatch", "sqs:ChangeMessageVisibility"},
    Operation{"sqs", "DeleteMessageBatch", "sqs:DeleteMessage"},
    Operation{"sqs", "GetQueueAttributes", "sqs:GetQueueAttributes"},
    Operation{"sqs", "GetQueueUrl", "sqs:GetQueueUrl"},
    Operation{"sqs", "ReceiveMessage", "sqs:ReceiveMessage"},
    Operation{"sqs", "SendMessageBatch", "sqs:SendMessage"},
    Operation{"sts", "AssumeRole", "sts:AssumeRole"},
    Operation{"sts", "AssumeRoleWithWebIdentity", ""},  // not signed: nobody's to allow
};

}  // namespace

std::span<const Operation> operations() { return kOperations; }

Request request_for(std::string_view service, std::string_view operation) {
  const auto* found = std::find_if(
      kOperations.begin(), kOperations.end(),
      [&](const Operation& one) { return one.service == service && one.name == operation; });
  CHECK(found != kOperations.end());
  return {found->service, std::string(found->name)};
}

bool is_among(Uses uses, const Request& request) {
  const auto has = [&](std::string_view operation) {
    return std::any_of(uses.begin(), uses.end(), [&](const Use& one) {
      return one.service == request.service->name && one.operation == operation;
    });
  };
  return has(request.operation) &&
         std::all_of(request.contains.begin(), request.contains.end(), has);
}

}  // namespace sluice::aws
