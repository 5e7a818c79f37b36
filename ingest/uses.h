// What sluice-ingest calls of AWS (lib/aws/uses.h); its secrets have a list of their own.
#pragma once

#include "lib/aws/uses.h"

namespace sluice::ingest {

// [[queue]], door_queue, and parking = "dynamodb".
inline constexpr std::array kUses{
    aws::Use{"Queue", "sqs", "GetQueueUrl"},
    aws::Use{"Queue", "sqs", "GetQueueAttributes"},
    aws::Use{"Queue", "sqs", "ReceiveMessage"},
    aws::Use{"Queue", "sqs", "ChangeMessageVisibilityBatch"},
    aws::Use{"Queue", "sqs", "DeleteMessageBatch"},
    aws::Use{"Door", "sqs", "SendMessageBatch"},
    aws::Use{"DeadLetterQueue", "sqs", "GetQueueUrl"},
    aws::Use{"DeadLetterQueue", "sqs", "GetQueueAttributes"},
    aws::Use{"DeadLetterQueue", "sqs", "SendMessageBatch"},
    aws::Use{"ParkingTable", "dynamodb", "GetItem"},
    aws::Use{"ParkingTable", "dynamodb", "Query"},
    aws::Use{"ParkingTable", "dynamodb", "TransactWriteItems"},
    aws::Use{"ParkingTable", "dynamodb", "PutItem"},
    aws::Use{"ParkingTable", "dynamodb", "UpdateItem"},
    aws::Use{"ParkingTable", "dynamodb", "DeleteItem"},
};

// `dead ... --queue NAME`
inline constexpr std::array kDeadQueueUses{
    aws::Use{"Queue", "sqs", "GetQueueUrl"},
    aws::Use{"Queue", "sqs", "GetQueueAttributes"},
    aws::Use{"Queue", "sqs", "SendMessageBatch"},
    aws::Use{"DeadLetterQueue", "sqs", "GetQueueUrl"},
    aws::Use{"DeadLetterQueue", "sqs", "GetQueueAttributes"},
    aws::Use{"DeadLetterQueue", "sqs", "ReceiveMessage"},
    aws::Use{"DeadLetterQueue", "sqs", "ChangeMessageVisibilityBatch"},
    aws::Use{"DeadLetterQueue", "sqs", "DeleteMessageBatch"},
};

// `dead ...` where parking is in a table
inline constexpr std::array kDeadTableUses{
    aws::Use{"ParkingTable", "dynamodb", "GetItem"},
    aws::Use{"ParkingTable", "dynamodb", "Query"},
    aws::Use{"ParkingTable", "dynamodb", "TransactWriteItems"},
    aws::Use{"ParkingTable", "dynamodb", "PutItem"},
    aws::Use{"ParkingTable", "dynamodb", "DeleteItem"},
};

}  // namespace sluice::ingest
