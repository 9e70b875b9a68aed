//! Asks the cluster about a topic beyond its metadata: its id (KIP-516), and which operations we may use on it.
//!
//! The only unsafe code in Forebay: the binding has no function for this one request of librdkafka. Every pointer is
//! librdkafka's own, lives as long as its owner here, and is checked before it is followed.

#![expect(unsafe_code, reason = "`rd_kafka_DescribeTopics` is not in the safe binding")]

use std::ffi::{CStr, CString, c_char};
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;
use schemas::record::TopicId;

/// What brokers before 2.8 return, which have no ids.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// The id and permissions of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// `None` on brokers that have no ids.
    pub(super) id: Option<TopicId>,
    pub(super) may_read: bool,
    pub(super) may_write: bool,
}

/// Frees on drop what librdkafka has allocated.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: made by librdkafka together with this function, not null, and freed nowhere else.
        unsafe { (self.1)(self.0) }
    }
}

/// Takes ownership of what librdkafka has allocated; an error if the pointer is null.
fn owned<T>(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> KafkaResult<Owned<T>> {
    if pointer.is_null() {
        return Err(KafkaError::AdminOp(Code::Fail));
    }
    Ok(Owned(pointer, free))
}

/// Asks `broker` about one topic; returns `None` if it does not exist. Without a broker librdkafka waits for the
/// controller, which is not needed. Blocks.
pub(super) fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    broker: Option<i32>,
    timeout: Duration,
) -> KafkaResult<Option<Description>> {
    let name = CString::new(topic).map_err(|_| KafkaError::AdminOp(Code::InvalidTopic))?;
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let handle = client.native_ptr();
    let mut names: [*const c_char; 1] = [name.as_ptr()];
    // SAFETY: `handle` lives as long as `client`. librdkafka copies the names. Queue, options, collection and event are
    // freed in the reverse order at the end of the function, after the last use of what points into them.
    unsafe {
        let queue = owned(c::rd_kafka_queue_new(handle), c::rd_kafka_queue_destroy)?;
        let options = owned(
            c::rd_kafka_AdminOptions_new(handle, c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS),
            c::rd_kafka_AdminOptions_destroy,
        )?;
        let mut said: [c_char; 256] = [0; 256];
        c::rd_kafka_AdminOptions_set_request_timeout(options.0, timeout_ms, said.as_mut_ptr(), said.len());
        if let Some(broker) = broker {
            c::rd_kafka_AdminOptions_set_broker(options.0, broker, said.as_mut_ptr(), said.len());
        }
        let refused = c::rd_kafka_AdminOptions_set_include_authorized_operations(options.0, 1);
        if !refused.is_null() {
            c::rd_kafka_error_destroy(refused);
        }
        let topics = owned(
            c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
            c::rd_kafka_TopicCollection_destroy,
        )?;
        c::rd_kafka_DescribeTopics(handle, topics.0, options.0, queue.0);
        let event = c::rd_kafka_queue_poll(queue.0, timeout_ms);
        if event.is_null() {
            return Err(KafkaError::AdminOp(Code::OperationTimedOut));
        }
        let event = Owned(event, c::rd_kafka_event_destroy);
        check(c::rd_kafka_event_error(event.0))?;
        let result = c::rd_kafka_event_DescribeTopics_result(event.0);
        if result.is_null() {
            return Err(KafkaError::AdminOp(Code::Fail));
        }
        let mut count = 0;
        let described = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if described.is_null() || count == 0 {
            return Err(KafkaError::AdminOp(Code::Fail));
        }
        read(*described)
    }
}

/// # Safety
/// `topic` must be null or a description whose event is alive.
unsafe fn read(topic: *const c::rd_kafka_TopicDescription_t) -> KafkaResult<Option<Description>> {
    if topic.is_null() {
        return Err(KafkaError::AdminOp(Code::Fail));
    }
    // SAFETY: not null, and what it returns lives as long as itself.
    unsafe {
        let error = c::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            match c::rd_kafka_error_code(error) {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => return Ok(None),
                code => check(code)?,
            }
        }
        let mut id = None;
        let uuid = c::rd_kafka_TopicDescription_topic_id(topic);
        if !uuid.is_null() {
            let text = c::rd_kafka_Uuid_base64str(uuid);
            if !text.is_null() {
                let text = CStr::from_ptr(text).to_string_lossy();
                id = (text != NO_ID).then(|| TopicId::new(text));
            }
        }
        let mut count = 0;
        let operations = c::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count);
        let operations = if operations.is_null() || count == 0 {
            // The broker does not report them: a missing permission shows when an operation is refused.
            None
        } else {
            Some(std::slice::from_raw_parts(operations, count))
        };
        let may = |operation| operations.is_none_or(|all| all.contains(&operation));
        Ok(Some(Description {
            id,
            may_read: may(c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ),
            may_write: may(c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE),
        }))
    }
}

fn check(code: RDKafkaRespErr) -> KafkaResult<()> {
    match code {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::AdminOp(code.into())),
    }
}
