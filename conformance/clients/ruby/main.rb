# Runs every test of AGENTCONF_CASES and prints one line for each.
require 'json'
require_relative ENV['AGENTCONF_FRONT'] == 'grpc' ? 'over_grpc' : 'over_http'

# compare returns the differences between want and got. Keys that want lacks are not compared.
def compare(want, got)
  want.filter_map do |key, wanted|
    found = %w[has message_names].include?(key) ? got['reply'] : got[key]
    "#{key} should be #{wanted.to_json}, got #{found.to_json}" unless same?(key, found, wanted)
  end
end

def same?(key, found, wanted)
  case key
  when 'has' then contains?(found, wanted)
  when 'message_names' then wanted.all? { |name| found['message'].include?(name) }
  when 'headers' then wanted.all? { |name, value| found[name.downcase] == value }
  else found == wanted
  end
end

def contains?(got, want)
  return got == want unless want.is_a?(Hash)

  got.is_a?(Hash) && want.all? { |key, value| got.key?(key) && contains?(got[key], value) }
end

# Scenario plays steps. The method of a kind of step returns the differences.
class Scenario
  def initialize
    @guid = @sequence = ''
  end

  # play stops at the first failed step.
  def play(steps)
    steps.each_with_index do |written, number|
      text = written.to_json.gsub('$GUID', @guid).gsub('$SEQUENCE', @sequence)
      kind, step = JSON.parse(text).first
      faults = public_send(kind, step)
      return ["step #{number}, #{kind}", *faults] unless faults.empty?
    end
    []
  end

  def call(step)
    got = Front.call(step)
    learn_guid(got['reply'] || {})
    compare(step['want'], got)
  end

  def watch(step)
    @watch = Front::Watch.new(step)
    []
  end

  def next(want)
    got = @watch.next
    return ["the watch ended: #{got}"] unless got['reply']

    learn_guid(got['content'])
    compare(want, got) + learn_sequence(got['content'])
  end

  def stop(_)
    compare({ 'code' => 1 }, @watch.stop)
  end

  def end(want)
    got = @watch.next
    compare(want, { 'code' => got['code'], 'reply' => got['error_info'] })
  end

  private

  def learn_guid(message)
    @guid = message['guid'] || message.dig('result', 'guid') || @guid
  end

  def learn_sequence(message)
    last = @sequence
    @sequence = message['lastSequence'] || message['sequence'] || last
    return [] if message['sequence'].nil? || message['sequence'].to_i == last.to_i + 1

    ["sequence #{message['sequence']} after #{last}"]
  end
end

$stdout.sync = true
JSON.parse(File.read(ENV['AGENTCONF_CASES'], encoding: 'UTF-8')).each do |test|
  faults = test['steps'] ? Scenario.new.play(test['steps']) : compare(test['want'], Front.call(test))
rescue StandardError => e # it is of this test, whatever it is
  faults = [e.inspect]
ensure
  text = faults.join('; ').tr("\n", ' ')
  puts faults.empty? ? "ok #{test['name']}" : "not ok #{test['name']}: #{text}"
end
