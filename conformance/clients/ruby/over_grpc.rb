require 'grpc'
require 'google/protobuf/well_known_types' # Any#unpack
require 'google/rpc/error_details_pb'
require 'agentconf/v1/conference_services_pb'
require 'agentconf/v1/event_service_services_pb'
require 'agentconf/v1/session_services_pb'

# The gRPC front, with Ruby's grpc and the code that protoc generates from the proto.
module Front
  MOST = 10 # seconds that a call without a deadline of its own may take

  include Agentconf::V1
  SERVICES = [ConferenceService, EventService, SessionService]
             .to_h { |service| [service::Service.service_name, service::Service] }
  STUBS = SERVICES.transform_values do |service|
    service.rpc_stub_class.new(ENV['AGENTCONF_GRPC'], :this_channel_is_insecure)
  end

  # operation returns the call of a test before it is made.
  def self.operation(test)
    service, name = test['rpc'].split('/')
    request = SERVICES[service].rpc_descs[name.to_sym].input.decode_json(test['request'].to_json)
    metadata = test['metadata'].group_by(&:first).transform_values { |pairs| pairs.map(&:last) }
    deadline = Time.now + (test['timeout'] || MOST)
    method = GRPC::GenericService.underscore(name)
    STUBS[service].public_send(method, request, metadata:, deadline:, return_op: true)
  end

  def self.call(test)
    made = operation(test)
    Thread.new { sleep(test['cancel_after']) && made.cancel } if test['cancel_after']
    { 'code' => 0, 'reply' => json(made.execute) }
  rescue GRPC::BadStatus => e
    status(e)
  end

  # Watch is a stream of messages that ends with a status.
  class Watch
    def initialize(step)
      @call = Front.operation(step)
      @messages = @call.execute
    end

    def next
      reply = Front.json(@messages.next)
      { 'reply' => reply, 'content' => reply.values.first }
    rescue GRPC::BadStatus => e
      Front.status(e)
    end

    def stop
      @call.cancel
      self.next
    end
  end

  # status returns an error with its details.
  def self.status(error)
    details = (error.to_rpc_status&.details || []).to_h do |packed|
      name = packed.type_url.split('.').last.to_sym
      [name, packed.unpack(Google::Rpc.const_get(name))]
    end
    delay = details[:RetryInfo]&.retry_delay
    {
      'code' => error.code,
      'error_info' => details[:ErrorInfo] && json(details[:ErrorInfo]),
      'violations' => (details[:BadRequest]&.field_violations || []).map(&:field),
      'retry_delay' => delay && delay.seconds + delay.nanos / 1e9
    }
  end

  def self.json(message)
    JSON.parse(message.to_json(emit_defaults: true))
  end
end
