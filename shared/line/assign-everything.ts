import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

/**
 * kafkajs has no manual assignment. A group of one member with this assigner is
 * the same: it gets every partition. Who may work on which stands in PostgreSQL.
 */
export const assignEverything: PartitionAssigner = ({ cluster }) => ({
  name: 'everything',
  version: 1,
  assign: ({ members, topics }) => {
    // Not in the library's types, and the only way to the partition numbers at this place.
    const known = cluster as unknown as { findTopicPartitionMetadata(topic: string): { partitionId: number }[] };
    const assignment = Object.fromEntries(
      topics.map((topic) => [topic, known.findTopicPartitionMetadata(topic).map((found) => found.partitionId)]),
    );
    return Promise.resolve(
      members.map(({ memberId }) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({ version: 1, assignment, userData: Buffer.alloc(0) }),
      })),
    );
  },
  protocol: ({ topics }) => ({
    name: 'everything',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
  }),
});
