#include "lib/aws/operation.h"

#include <algorithm>
#include <array>

#include "lib/base/check.h"

namespace sluice::aws {

namespace {

constexpr std::array kOperations{
    Operation{"dynamodb", "BatchGetItem", "dynamodb:BatchGetItem"},
    Operation{"dynamodb", "BatchWriteItem", "dynamodb:BatchWriteItem"},
    Operation{"dynamodb", "DeleteItem", "dynamodb:DeleteItem"},
    Operation{"dynamodb", "GetItem", "dynamodb:GetItem"},
    Operation{"dynamodb", "PutItem", "dynamodb:PutItem"},
    Operation{"dynamodb", "Query", "dynamodb:Query"},
    Operation{"dynamodb", "TransactWriteItems",
              "dynamodb:ConditionCheckItem dynamodb:DeleteItem dynamodb:PutItem "
              "dynamodb:UpdateItem"},
    Operation{"dynamodb", "UpdateItem", "dynamodb:UpdateItem"},
    Operation{"s3", "GetObject", "s3:GetObject"},
    Operation{"s3", "ListObjectsV2", "s3:ListBucket"},
    Operation{"s3", "PutObject", "s3:PutObject s3:PutObjectRetention"},
    Operation{"secrets_manager", "GetSecretValue", "secretsmanager:GetSecretValue"},
    Operation{"sns", "Publish", "sns:Publish"},
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

}  // namespace sluice::aws
