// What sluice-auditor calls of AWS (lib/aws/uses.h).
#pragma once

#include "lib/aws/uses.h"

namespace sluice::auditor {

// trail_bucket, and ledger = "dynamodb".
inline constexpr std::array kUses{
    aws::Use{"TrailBucket", "s3", "ListObjectsV2"},
    aws::Use{"Copies", "s3", "GetObject"},
    aws::Use{"Copies", "s3", "PutObject"},
    aws::Use{"Copies", "s3", "PutObjectRetention"},
    aws::Use{"CostsTable", "dynamodb", "BatchGetItem"},
    aws::Use{"CostsTable", "dynamodb", "Query"},
    aws::Use{"CostsTable", "dynamodb", "TransactWriteItems"},
    aws::Use{"CostsTable", "dynamodb", "PutItem"},
    aws::Use{"CostsTable", "dynamodb", "UpdateItem"},
};

// `verify --s3`
inline constexpr std::array kVerifyUses{
    aws::Use{"TrailBucket", "s3", "ListObjectsV2"},
    aws::Use{"Copies", "s3", "GetObject"},
};

// `costs`
inline constexpr std::array kCostsUses{aws::Use{"CostsTable", "dynamodb", "Query"}};

}  // namespace sluice::auditor
