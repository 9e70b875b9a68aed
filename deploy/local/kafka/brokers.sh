# Sourced by `deploy/local/services`: Apache Kafka, as one broker and as a cluster of three.
# shellcheck shell=bash
# `here`, `dir` and the helpers are the caller's.
# shellcheck disable=SC2154

# The first Java of at least version 17 (Kafka 4 wants that).
find_java() {
    local java major
    for java in "${JAVA_HOME:+$JAVA_HOME/bin/java}" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$java" ] || continue
        major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
        if [ "${major:-0}" -ge 17 ]; then
            printf '%s' "$java"
            return
        fi
    done
    return 1
}

# The jars are fetched once per version and shared by all instances and clones.
install_kafka() {
    local version cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/forebay
    version=$(sed -n 's/.*<kafka.version>\(.*\)<.*/\1/p' "$here/kafka/pom.xml")
    jars=$cache/kafka-$version
    java=$(find_java) || {
        need_packages "Apache Kafka needs Java 17 or later" "openjdk-17-jre-headless|openjdk-21-jre-headless|openjdk-25-jre-headless"
        java=$(find_java) || die "no Java 17 or later was found, though it was installed: set JAVA_HOME"
    }
    mkdir -p "$cache"
    exec 8>"$cache/lock"
    flock -w 600 8 || die "another process has been holding $cache/lock for ten minutes"
    if ! cmp -s "$here/kafka/pom.xml" "$jars/pom.xml"; then
        command -v mvn >/dev/null || need_packages "the jars of Apache Kafka come through Maven" maven
        say "kafka: fetching the jars of version $version"
        rm -rf "$jars" "$jars.new"
        if ! mvn -B -q -f "$here/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$jars.new" </dev/null >"$cache/mvn.log" 2>&1; then
            tail -n 20 "$cache/mvn.log" >&2
            die "the jars of Apache Kafka could not be fetched; Maven's last lines are above"
        fi
        cp "$here/kafka/pom.xml" "$jars.new/pom.xml"
        mv "$jars.new" "$jars"
    fi
    exec 8>&-
}

# Asks for the cluster's metadata, as any client does first: an open port alone is not readiness. The request is Metadata
# version 1, no topics, client id "up"; the answer has, after its length and the correlation id, the number of live brokers.
broker_answers() {
    local brokers
    brokers=$(
        # shellcheck disable=SC2016 # expanded by the inner shell
        timeout 3 bash -c '
            exec 3<>"/dev/tcp/$2/$1"
            printf "\0\0\0\x10\0\x03\0\x01\0\0\0\x07\0\x02up\0\0\0\0" >&3
            head -c 12 <&3 | od -An -tu1' up "$(port_of "$1")" "$(address)" 2>/dev/null
    ) || return 1
    # shellcheck disable=SC2086 # twelve numbers
    set -- $brokers
    [ $# -eq 12 ] && [ "$8" = 7 ] && [ "${12}" -ge 1 ]
}

# What the properties of all brokers have in common. broker_properties SERVICE NODE VOTERS REPLICAS MIN_ISR: to standard output.
broker_properties() {
    local service=$1 node=$2 voters=$3 replicas=$4 min_isr=$5
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=PLAINTEXT://$(address):$(port_of "$service"),PROXIED://$(address):$(port_of "$service" proxied-to-port),CONTROLLER://$(address):$(port_of "$service" controller-port)
# A client that begins at a proxy learns the proxy's address only.
advertised.listeners=PLAINTEXT://$(address):$(port_of "$service"),PROXIED://$(address):$(port_of "$service" proxied-port)
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$dir/$service/data
# A misspelt topic must fail, not appear.
auto.create.topics.enable=false
min.insync.replicas=$min_isr
# Few partitions of the internal topics, so that starting is quick.
offsets.topic.replication.factor=$replicas
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$min_isr
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$min_isr
# Tests wait neither for more members nor, after a kill, for a long session.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# After a kill the broker may register again only when its former session has ended.
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
PROPERTIES
}

# A cluster id is 16 bytes in URL-safe base64.
new_cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 1-22; }

# launch_broker SERVICE CLUSTER_ID JVM_OPTION…: formats the data folder if it is new, and starts the broker of the written properties.
launch_broker() {
    local service=$1 id=$2 java
    shift 2
    java=$(find_java)
    if [ ! -f "$dir/$service/data/meta.properties" ]; then
        # `=` guards against an id that begins with a dash and would be read as an option.
        "$java" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" -Dlog4j2.configurationFile="$here/kafka/log4j2.xml" kafka.tools.StorageTool \
            format --cluster-id="$id" --config="$dir/$service/server.properties" </dev/null >"$dir/$service/log" 2>&1 || {
            tail -n 20 "$dir/$service/log" >&2
            die "$service: the data folder $dir/$service/data could not be formatted"
        }
    fi
    detach "$service" "$java" "$@" -Djava.awt.headless=true -Djava.io.tmpdir=/tmp \
        -Dlog4j2.configurationFile="$here/kafka/log4j2.xml" -cp "$jars/*" kafka.Kafka "$dir/$service/server.properties"
}

# The listener of users who may do nothing but what a test allows. Whoever comes without a name may do everything.
# Settings that are named twice count as they are named last.
limited_properties() {
    local properties=$1 listeners
    for listeners in listeners advertised.listeners; do
        sed -n "s|^$listeners=.*|&,LIMITED://$(address):$(port_of kafka limited-port)|p" "$properties"
    done
    sed -n 's|^listener.security.protocol.map=.*|&,LIMITED:SASL_PLAINTEXT|p' "$properties"
    cat <<'PROPERTIES'
listener.name.limited.sasl.enabled.mechanisms=PLAIN
listener.name.limited.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_limited="limited" user_reader="reader";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
PROPERTIES
}

launch_kafka() {
    local controller limited
    install_kafka
    mkdir -p "$dir/kafka"
    keep_port kafka port >/dev/null
    keep_port kafka proxied-to-port >/dev/null
    keep_port kafka limited-port >/dev/null
    controller=$(keep_port kafka controller-port)
    # A test's proxy may be listening there already.
    fixed_port kafka proxied-port >/dev/null
    broker_properties kafka 1 "1@$(address):$controller" 1 1 >"$dir/kafka/server.properties"
    limited=$(limited_properties "$dir/kafka/server.properties")
    printf '%s\n' "$limited" >>"$dir/kafka/server.properties"
    launch_broker kafka "$(new_cluster_id)" -Xms512m -Xmx512m -XX:+UseG1GC
}

# launch_kafka3 N: one broker of the cluster. The ports never change, since the other two know them.
launch_kafka3() {
    local n name voters=''
    install_kafka
    for n in 1 2 3; do
        mkdir -p "$dir/kafka3/$n"
        for name in port proxied-port proxied-to-port controller-port; do
            fixed_port "kafka3/$n" $name >/dev/null
        done
        voters+=${voters:+,}$n@$(address):$(port_of "kafka3/$n" controller-port)
    done
    [ -s "$dir/kafka3/cluster-id" ] || new_cluster_id >"$dir/kafka3/cluster-id"
    broker_properties "kafka3/$1" "$1" "$voters" 3 2 >"$dir/kafka3/$1/server.properties"
    # Three on one machine: little memory each, and no time for the optimizing compiler.
    launch_broker "kafka3/$1" "$(cat "$dir/kafka3/cluster-id")" -Xms192m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
}

# print_kafka VARIABLE BROKER…: the `export` lines. A broker that an earlier version of this script started has no second listener.
print_kafka() {
    local variable=$1 broker name port IFS=,
    shift
    for name in port proxied-port proxied-to-port; do
        local addresses=()
        for broker in "$@"; do
            port=$(port_of "$broker" "$name") || return 0
            addresses+=("$(address):$port")
        done
        case $name in
            port) printf 'export %s=%s\n' "$variable" "${addresses[*]}" ;;
            proxied-port) printf 'export %s_PROXIED=%s\n' "$variable" "${addresses[*]}" ;;
            proxied-to-port) printf 'export %s_PROXIED_TO=%s\n' "$variable" "${addresses[*]}" ;;
        esac
    done
}
