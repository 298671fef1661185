require 'net/http'

# The JSON fronts, with Net::HTTP: REST and the gateway dialect.
module Front
  MOST = 10 # seconds that an answer may take

  ADDRESS = ENV['AGENTCONF_HTTP'].delete_prefix('http://')

  # Request sends its headers unchanged. Net::HTTP would join headers of the same name and change the
  # spelling of the name.
  class Request < Net::HTTPGenericRequest
    def initialize(test)
      super(test['method'], test.key?('body'), true, test['path'])
      self.body = test['body']
      @pairs = [['Host', ADDRESS], *test['headers']]
      @pairs << ['Content-Length', body.bytesize] if body
    end

    def each_capitalized(&)
      @pairs.each(&)
    end
  end

  def self.connection(patience)
    host, port = ADDRESS.split(':')
    http = Net::HTTP.new(host, port, nil)
    http.read_timeout = patience
    http.max_retries = 0
    http
  end

  def self.call(test)
    answer = connection(test['cancel_after'] || MOST).start { |http| http.request(Request.new(test)) }
    raise "answered before it was given up: #{answer.code}" if test['cancel_after']

    reply = JSON.parse(answer.body)
    headers = answer.to_hash.transform_values(&:first)
    { 'status' => answer.code.to_i, 'headers' => headers, 'reply' => reply, **status(reply) }
  rescue Net::ReadTimeout
    raise unless test['cancel_after']

    {}
  end

  # status parses a google.rpc.Status. It returns nothing for any other reply.
  def self.status(reply)
    return {} unless reply['details']

    details = reply['details'].to_h { |detail| [detail['@type'].split('.').last, detail.except('@type')] }
    bad = details.dig('BadRequest', 'fieldViolations') || []
    delay = details.dig('RetryInfo', 'retryDelay')
    {
      'code' => reply['code'],
      'error_info' => details['ErrorInfo'],
      'violations' => bad.map { |violation| violation['field'] },
      'retry_delay' => delay && Float(delay.delete_suffix('s'))
    }
  end

  # Watch is a stream of server-sent events. The last event has the reason of the end.
  class Watch
    def initialize(step)
      @http = Front.connection(MOST).start
      @messages = Enumerator.new do |messages|
        @http.request(Request.new(step)) { |answer| read(answer, messages) }
      end
    end

    def next
      @messages.next
    end

    def stop
      @http.finish
      { 'code' => 1 }
    end

    private

    def read(answer, messages)
      return messages << Front.status(JSON.parse(answer.read_body)) unless answer.is_a?(Net::HTTPOK)

      text = +''
      answer.read_body do |part|
        text << part
        messages << message($1) while text.slice!(/\A(.*?)\n\n/m)
      end
    end

    def message(frame)
      fields = frame.lines(chomp: true).to_h { |line| line.split(': ', 2) }
      content = JSON.parse(fields['data'])
      return Front.status(content) if fields['event'] == 'ended'

      event = fields['event'] || 'message'
      raise "id #{fields['id']} of #{content}" if event == 'message' && fields['id'] != content['sequence']

      { 'event' => event, 'reply' => content, 'content' => content }
    end
  end
end
