//! Which partition a key belongs to: the same as Kafka's Java client and our Kafka log choose.

/// The partition of `key` among `partitions` (at least 1): `murmur2 & 0x7fffffff % partitions`, as in
/// `org.apache.kafka.clients.producer.internals.BuiltInPartitioner`.
pub(super) fn partition_of(key: &[u8], partitions: usize) -> usize {
    usize::try_from(murmur2(key) & 0x7fff_ffff).unwrap_or(0) % partitions
}

/// `org.apache.kafka.common.utils.Utils.murmur2`, its result taken as unsigned.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Java hashes the length as an int; a key longer than 4 GiB cannot occur.
    let mut hash = SEED ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_returns_the_figures_of_kafkas_own_test() {
        // Apache Kafka, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (text, hash) in known {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn a_key_belongs_to_an_existing_partition() {
        for partitions in [1, 2, 7, 12] {
            for i in 0..1000 {
                assert!(partition_of(format!("key {i}").as_bytes(), partitions) < partitions);
            }
        }
    }
}
