"""The order of a FIFO queue on ElasticMQ, which may be polled by several at once."""

import unittest

import elasticmq
import sqs_fifo_test

ABSENT = elasticmq.absent()


@unittest.skipIf(ABSENT, ABSENT)
class FifoQueue(sqs_fifo_test.InOrder):
    receives, after_s = 4, 0.2

    def emulator(self):
        return elasticmq.ElasticMq()
